"""The quickstart in shards on two processes prints the figures of one: a sixth of it, and all of it."""

import json
from dataclasses import replace
from importlib.util import find_spec

import pytest

from p2o.cli.main import main
from p2o.evolution.proposals import reflection
from p2o.logprobs.shards import is_sharded
from p2o.policy.references import initial
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_tables import read_template_gaps
from processes import reached_the_end
from quickstart_run import CONFIG, farthest, fit_on_two

pytestmark = pytest.mark.distributed
SHARDED = ("--trainer.strategy=sharded", "--data.batch_size=6", "--model.mini_batch_size=6")  # of each process
SIXTH = (
    "--trainer.max_epochs=2",
    "--data.train.init_args.easy=24",
    "--data.train.init_args.hard=24",
    "--data.validation.init_args.easy=8",
    "--data.validation.init_args.hard=8",
    "--evolution.dev_size=12",
    "--fixed_questions.questions=0",
)
OF_THE_MACHINE = ("seconds", "goodput", "memory_peak", "per_second")


def run(root, *options):
    silent = "--trainer.enable_progress_bar=false"
    main(["fit", f"--config={CONFIG}", f"--trainer.default_root_dir={root}", silent, *options])


def run_without_a_second_policy(root, *options):
    """Fails where the policy before training is loaded, or shards are put together to reflect."""

    def refused(*arguments, **more):
        raise AssertionError("the policy before training is in memory")

    def not_gathered(policy):
        assert not is_sharded(policy)
        return whole(policy)

    whole, initial.load_placed, reflection.whole = reflection.whole, refused, not_gathered
    run(root, *options)


def figures(root):
    """What summary.json says of the run, and not of the machine."""
    found = json.loads((root / "summary.json").read_text())
    return {name: value for name, value in found.items() if not any(word in name for word in OF_THE_MACHINE)}


def proposed(root):
    """Every template that was proposed, with what became of it."""
    return {path.name: path.read_text() for path in (root / "evolution").glob("*.jsonl")}


def on_two(root, *options, how=run, seconds=200):
    printed = fit_on_two(root, *SHARDED, *options, run=how, seconds=seconds)
    reached_the_end(printed)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    root = tmp_path_factory.mktemp("one")
    run(root, *SIXTH)
    assert figures(root)["templates"][0] > 0 and figures(root)["tokens"]["reflection"] > 0
    return root


@pytest.mark.parametrize("engine", ["TransformersEngine", "copying_engine.CopyingEngine"])
def test_a_sixth_of_it_has_the_figures_of_one_process(one, tmp_path, engine):
    """Also with an engine that has a copy: the weights that reflect come from files, and its own are put back."""
    how = run if engine == "TransformersEngine" else run_without_a_second_policy
    on_two(tmp_path, *SIXTH, f"--model.engine={engine}", how=how)
    assert figures(tmp_path) == figures(one)
    assert proposed(tmp_path) == proposed(one)
    assert farthest(one, tmp_path) < 1e-4
    told, expected = (read_template_gaps(RunPaths(root), 1) for root in (tmp_path, one))
    assert expected and told.keys() == expected.keys()
    for name, found in expected.items():
        # Sums of log-probs, whose last digits hang on the order in which shards add up.
        rounded = {"gap": found.gap, "nats": found.nats, "masked_nats": found.masked_nats}
        assert replace(told[name], **rounded) == found and told[name].gap == pytest.approx(found.gap, abs=1e-4)
        nats = told[name].nats, told[name].masked_nats
        assert nats == pytest.approx((found.nats, found.masked_nats), rel=1e-6)


@pytest.mark.vllm
@pytest.mark.skipif(not find_spec("vllm"), reason="vllm is not installed")
def test_a_sixth_of_it_with_vllm_reflects_with_weights_from_files(tmp_path):
    """After each rollout the canary holds vLLM's weights against those that are trained."""
    settings = {"dtype": "float32", "engine_args": {"enforce_eager": True, "kv_cache_memory_bytes": 256 * 2**20}}
    engine = f"--model.engine={json.dumps({'class_path': 'VLLMEngine', 'init_args': settings})}"
    on_two(tmp_path, *SIXTH, engine, how=run_without_a_second_policy)
    assert figures(tmp_path)["tokens"]["reflection"] > 0 and figures(tmp_path)["epochs"] == 2


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_of_it_has_the_figures_of_one_process(tmp_path):
    run(tmp_path / "one")
    on_two(tmp_path / "two", seconds=900)
    assert figures(tmp_path / "two") == figures(tmp_path / "one")
    assert proposed(tmp_path / "two") == proposed(tmp_path / "one")
