"""Two real processes do what one does, whole (DDP) and in shards (FSDP2)."""

import json
import os
import signal
import time
from dataclasses import asdict
from functools import partial

import pytest
import torch
from torch.distributed.fsdp import FSDPModule
from transformers import LlamaPreTrainedModel

from p2o.engines import TransformersEngine, continuous_batching
from p2o.errors import InputError
from p2o.io.tables import write_jsonl
from p2o.policy.loading import BUNDLED, load_policy
from p2o.policy.module import PolicyModule
from p2o.policy.update import OptimizerSteps
from p2o.rewards import MathAnswer
from p2o.worlds import ChainQuestions
from processes import reached_the_end
from quickstart_run import SHAPED, farthest, fit, fit_on_two, last, logged
from test_fit import differences

pytestmark = pytest.mark.distributed
HALF = ("--data.batch_size=2", "--model.mini_batch_size=1")  # of each process
DDP, SHARDED = "--trainer.strategy=ddp", "--trainer.strategy=sharded"
MORE = ("--data.train.init_args.easy=8", "--data.train.init_args.hard=8", "--trainer.limit_train_batches=3")
EVOLVES = (
    "--trainer.max_epochs=2",
    "--evolution.budget=30",
    "--evolution.dev_size=4",
    "--evolution.min_hard_set=4",
    "--evolution.width=2",
)
ROUNDING = 5e-6  # sums over two processes are added in another order; the learning rate is 2e-4


def summary(root):
    found = json.loads((root / "summary.json").read_text())
    return {name: found[name] for name in ("reward", "hard_set", "rollouts", "templates", "best_dev_score")}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    root = tmp_path_factory.mktemp("one")
    fit(root, *SHAPED, *MORE)
    return root


@pytest.mark.parametrize("strategy", [DDP, SHARDED])
def test_epochs_hard_set_figures_and_weights_are_those_of_one_process(one, tmp_path, strategy):
    reached_the_end(fit_on_two(tmp_path, *SHAPED, *MORE, *HALF, strategy))
    assert summary(tmp_path) == summary(one)
    assert last(tmp_path)["MixtureDataModule"]["hard_set"] == last(one)["MixtureDataModule"]["hard_set"]
    assert farthest(one, tmp_path) < ROUNDING
    for name in ("policy/loss", "train/accuracy_bare", "policy/grad_norm"):
        assert logged(tmp_path, name) == pytest.approx(logged(one, name), abs=1e-5)


def test_unequal_numbers_of_passes_are_padded(one, tmp_path):
    """One row a pass: the two processes have different numbers of rows with a gradient."""
    reached_the_end(fit_on_two(tmp_path, *SHAPED, *MORE, *HALF, SHARDED, "--model.micro_batch_tokens=40"))
    assert farthest(one, tmp_path) < ROUNDING


def silence(root, *options, quiet):
    """The questions of one process teach nothing, all others do; a process that is alone has those of both.

    Each process leaves its weights after the last step.
    """
    compared, update = PolicyModule.advantages, OptimizerSteps.__call__

    def silenced(self, groups):
        advantages = torch.tensor([1.0, -1.0]).repeat(len(groups), 3)  # [G, K]: every row has a gradient
        if self.trainer.world_size == 1:
            advantages[quiet::2] = 0
        elif self.global_rank == quiet:
            advantages[:] = 0
        return advantages

    def kept(self, module, policy, groups):
        result = update(self, module, policy, groups)
        torch.save(policy.state_dict(), root / f"weights-{module.global_rank}.pt")
        return result

    PolicyModule.advantages, OptimizerSteps.__call__ = silenced, kept
    try:
        fit(root, *options)
    finally:
        PolicyModule.advantages, OptimizerSteps.__call__ = compared, update


@pytest.mark.parametrize("quiet", [0, 1])
def test_a_process_without_any_gradient_steps_with_one_that_has_some(tmp_path, quiet):
    """One that left the step out would never meet the other, which waits for its part of the gradient."""
    silence(tmp_path / "one", *SHAPED, quiet=quiet)
    run = partial(silence, quiet=quiet)
    reached_the_end(fit_on_two(tmp_path / "two", *SHAPED, *HALF, DDP, run=run))
    assert logged(tmp_path / "two", "policy/steps_without_gradient") == [0.0, 0.0]
    assert farthest(tmp_path / "one", tmp_path / "two") < ROUNDING
    first, second = (torch.load(tmp_path / "two" / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert differences(first, second) == []
    start = load_policy(BUNDLED).state_dict()
    assert any(not torch.equal(value, start[name]) for name, value in first.items())


@pytest.mark.parametrize("weights", ["initial", "current"])
def test_a_sharded_policy_reflects_and_is_held_to_its_reference(tmp_path, weights):
    options = (
        *EVOLVES,
        f"--evolution.reflector.weights={weights}",
        "--model.regularizers=[{class_path: ReferenceKL, init_args: {beta: 0.01}}]",
    )
    fit(tmp_path / "one", *SHAPED, *options)
    reached_the_end(fit_on_two(tmp_path / "two", *SHAPED, *options, *HALF, SHARDED))
    assert summary(tmp_path / "two") == summary(tmp_path / "one")
    assert farthest(tmp_path / "one", tmp_path / "two") < ROUNDING


def test_a_checkpoint_of_two_resumes_on_two_and_on_one(one, tmp_path):
    fit(tmp_path / "straight", *SHAPED, "--trainer.max_epochs=2")
    reached_the_end(fit_on_two(tmp_path / "two", *SHAPED, *HALF, SHARDED))
    path = tmp_path / "two" / "checkpoints" / "last.ckpt"
    resumed = ("--trainer.max_epochs=2", f"--ckpt_path={path}")
    reached_the_end(fit_on_two(tmp_path / "on_two", *SHAPED, *HALF, SHARDED, *resumed))
    fit(tmp_path / "on_one", *SHAPED, *resumed)
    for root in ("on_two", "on_one"):
        assert farthest(tmp_path / "straight", tmp_path / root) < ROUNDING


@pytest.mark.parametrize("strategy", [DDP, SHARDED])
def test_adapters_train_on_two_processes(tmp_path, strategy):
    lora = ("--model.adapters=LoRA", "--model.adapters.rank=4", "--model.adapters.base_dtype=float32")
    fit(tmp_path / "one", *SHAPED, *lora)
    reached_the_end(fit_on_two(tmp_path / "two", *SHAPED, *lora, *HALF, strategy))
    assert farthest(tmp_path / "one", tmp_path / "two") < ROUNDING


def test_dynamic_sampling_decides_its_rounds_together(tmp_path):
    rounds = ("--model.sampler=DynamicSampling", "--model.sampler.max_generation_rounds=3")
    reached_the_end(fit_on_two(tmp_path, *HALF, SHARDED, *rounds))


def test_accuracies_are_those_of_one_process_where_each_validates_other_difficulties(tmp_path):
    """Of easy, hard, easy, hard, easy the first process has the easy ones; the second has the first as well, to pad."""
    questions = ChainQuestions("validation", easy=3, hard=2).load()
    rows = [asdict(questions[number]) for number in (0, 3, 1, 4, 2)]
    write_jsonl(tmp_path / "validation.jsonl", rows)
    columns = {"path": str(tmp_path / "validation.jsonl"), "question": "text", "id": "id", "difficulty": "difficulty"}
    source = {"class_path": "QuestionFile", "init_args": columns}
    options = ("--trainer.limit_val_batches=1.0", f"--data.validation={json.dumps(source)}")
    fit(tmp_path / "one", *options)
    reached_the_end(fit_on_two(tmp_path / "two", *HALF, DDP, *options, seconds=60))
    found = [json.loads((tmp_path / name / "summary.json").read_text())["history"] for name in ("one", "two")]
    assert found[0] == found[1] and found[0][-1]["bare"] == {"easy": 1.0, "hard": 0.0}


def test_hints_of_two_processes_are_those_of_one(tmp_path):
    """They try a hint equally often, though each has other questions that fail."""
    hints = ["Hm.", "Go through the chain step by step."]
    tiers = [{"class_path": "StaticReflector", "init_args": {"templates": [hint] * 99}} for hint in hints]
    settings = {"tiers": tiers, "increments": 2, "warm_up": 0}
    sampler = {"class_path": "p2o.mixture.scaffolded_hints.ScaffoldedHints", "init_args": settings}
    options = (f"--model.sampler={json.dumps(sampler)}", "--model.context=Templated")
    fit(tmp_path / "one", *options)
    reached_the_end(fit_on_two(tmp_path / "two", *HALF, DDP, *options))
    kept = [last(tmp_path / name)["p2o"]["sampler"]["tiers"] for name in ("one", "two")]
    assert [tier["hints"] for tier in kept[0]] == [tier["hints"] for tier in kept[1]] and kept[0][1]["hints"]
    assert summary(tmp_path / "two") == summary(tmp_path / "one")
    assert farthest(tmp_path / "one", tmp_path / "two") < ROUNDING


def spoil_the_second(root, *options):
    """A reward whose process of rank 1 finds something amiss in its third step."""
    graded, grade = [], MathAnswer.grade

    def failing(self, answered):
        graded.append(len(answered))
        if torch.distributed.is_initialized() and torch.distributed.get_rank() == 1 and len(graded) > 2:
            raise InputError("the reward's table of golds ends here.")
        return grade(self, answered)

    MathAnswer.grade = failing
    fit(root, *options)


def test_what_is_amiss_on_one_process_ends_both_with_its_message(tmp_path):
    began = time.monotonic()
    more = ("--trainer.limit_train_batches=4", "--data.train.init_args.easy=8")
    printed = fit_on_two(tmp_path, *HALF, DDP, *more, run=spoil_the_second)
    assert all("the reward's table of golds ends here" in text and text.endswith("exit 2") for text in printed), printed
    assert time.monotonic() - began < 120  # and not until a collective's time-out


def break_the_second(root, *options):
    """A reward of the user's own that has a bug, which shows in the third step of the process of rank 1."""
    graded, grade = [], MathAnswer.grade

    def failing(self, answered):
        graded.append(len(answered))
        if torch.distributed.is_initialized() and torch.distributed.get_rank() == 1 and len(graded) > 2:
            return {}["a gold answer"]
        return grade(self, answered)

    MathAnswer.grade = failing
    fit(root, *options)


def test_a_bug_that_ends_one_process_ends_both_and_both_tell_of_it(tmp_path):
    more = ("--trainer.limit_train_batches=4", "--data.train.init_args.easy=8")
    first, second = fit_on_two(tmp_path, *HALF, DDP, *more, run=break_the_second)
    assert "p2o: error: process 1: Traceback" in first and "KeyError: 'a gold answer'" in first, first
    assert first.endswith("exit 2") and second.endswith("exit 1") and "KeyError: 'a gold answer'" in second, second


def test_adapters_train_beside_shards_in_bfloat16(tmp_path):
    """What most runs with adapters have: frozen bfloat16 weights and float32 adapters in one group of shards."""
    lora = ("--model.adapters=LoRA", "--model.adapters.rank=4", "--trainer.precision=bf16-mixed")
    reached_the_end(fit_on_two(tmp_path, *SHAPED, *lora, *HALF, SHARDED))
    moved = [name for name, value in last(tmp_path)["state_dict"].items() if ".lora_B." in name and bool(value.any())]
    assert moved


def test_shards_of_float32_train_in_bfloat16(tmp_path):
    """Steps of 2e-4 and less, most of which bfloat16 weights could not take."""
    reached_the_end(fit_on_two(tmp_path, *SHAPED, *HALF, SHARDED, "--trainer.precision=bf16-mixed"))
    start = load_policy(BUNDLED).state_dict()
    for name, value in last(tmp_path)["state_dict"].items():
        assert value.dtype == torch.float32
        moved = (value - start[name.removeprefix("policy.")]).abs()
        assert 0 < float(moved.max()) < 1e-3, name


def one_message(printed, message):
    assert all(text.count("p2o: error") == 1 and message in text for text in printed), printed
    assert all(text.endswith("exit 2") and "Traceback" not in text for text in printed), printed


def without_layers(root, *options):
    """A policy whose class does not say which modules are its layers."""
    LlamaPreTrainedModel._no_split_modules = None
    fit(root, *options)


@pytest.mark.parametrize(
    ("options", "message", "run"),
    [
        ((SHARDED,), "does not name the layers that could be sharded", without_layers),
        ((SHARDED, "--model.adapters=LoRA", "--model.adapters.targets=[nope]"), "LoRA.targets: expected ends of", fit),
        ((SHARDED, "--model.adapters=LoRA", "--model.adapters.rank=999"), "LoRA.rank: expected at most", fit),
        (
            (DDP, "--data.train.init_args.easy=1", "--data.train.init_args.hard=0"),
            "at most 1 processes, one for each training question, got 2",
            fit,
        ),
    ],
    ids=["no layers", "no such module", "rank", "questions"],
)
def test_what_cannot_be_is_one_message_of_both(tmp_path, options, message, run):
    one_message(fit_on_two(tmp_path, *HALF, *options, run=run), message)


def test_heads_that_the_processes_of_an_engine_do_not_divide_are_one_message_of_all(tmp_path):
    engine = ("--model.engine=VLLMEngine", "--model.engine.tensor_parallel_size=3")
    printed = fit_on_two(tmp_path, "--data.batch_size=1", "--model.mini_batch_size=1", DDP, *engine, processes=3)
    one_message(printed, "expected a number that divides the model's 4 attention heads")


def test_a_checkpoint_of_other_adapters_is_one_message_of_both(tmp_path):
    """In one file; `test_sharded_runs.py` has folders."""
    lora = ("--model.adapters=LoRA", "--model.adapters.rank=4")
    fit(tmp_path / "one", *SHAPED, *lora)
    resumed = ("--trainer.max_epochs=2", f"--ckpt_path={tmp_path / 'one' / 'checkpoints' / 'last.ckpt'}")
    for strategy in (DDP, SHARDED):
        options = (*SHAPED, *HALF, strategy, *lora, "--model.adapters.alpha=8", *resumed)
        one_message(fit_on_two(tmp_path / strategy[-3:], *options), "The checkpoint belongs to another config")


def test_tensor_parallelism_is_one_message(tmp_path):
    strategy = "--trainer.strategy={class_path: lightning.pytorch.strategies.ModelParallelStrategy}"
    one_message(fit_on_two(tmp_path, *SHAPED, *HALF, strategy), "Tensor parallelism, FSDP1 and DeepSpeed are not")


def end_the_second(root, *options, number):
    """A signal comes to the second process alone, while it samples for training, the number-th time from 0."""
    sample, calls = TransformersEngine.generate, iter(range(10**6))

    def signalled(self, policy, prompts, sampling, title="rollouts"):
        if title == "rollouts" and next(calls) == number and torch.distributed.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return sample(self, policy, prompts, sampling, title)

    TransformersEngine.generate = signalled
    fit(root, *options)


@pytest.mark.parametrize(
    ("number", "sampler"),
    [
        (1, ["--model.sampler=DynamicSampling"]),
        (
            0,
            [
                "--model.sampler=p2o.mixture.self_hints.SelfHints",
                "--model.sampler.reflector=StaticReflector",
                "--model.sampler.reflector.templates=[a, b]",
            ],
        ),
    ],
    ids=["dynamic sampling", "hints"],
)
def test_a_signal_to_one_process_ends_both_within_a_sampler_that_exchanges(tmp_path, number, sampler):
    """One that rolls out several times a step, and asks the others in between whether they do too."""
    printed = fit_on_two(
        tmp_path,
        *HALF,
        DDP,
        *sampler,
        *MORE,
        "--checkpoint.every_n_steps=1",
        run=partial(end_the_second, number=number),
    )
    assert [text.rpartition("exit ")[2] for text in printed] == ["75", "0"], printed  # the first one speaks for both
    assert "p2o: SIGTERM: the run has ended" in printed[0] and not any("Traceback" in text for text in printed), printed
    printed = fit_on_two(tmp_path, *HALF, DDP, *sampler, *MORE, "--ckpt_path=last")
    reached_the_end(printed)


def end_the_second_in_shards(root, *options, place):
    """A signal comes to the second process alone, in its second call of the engine for training: while it samples, or
    while the shards are gathered for it."""
    generate, calls, ready = TransformersEngine.generate, iter(range(10**6)), []

    def counted(self, policy, prompts, sampling, title="rollouts"):
        ready[:] = [title == "rollouts" and next(calls) == 1 and torch.distributed.get_rank() == 1]
        return generate(self, policy, prompts, sampling, title)

    def signalled(work):
        def first_the_signal(*args, **kwargs):
            if ready[-1]:
                os.kill(os.getpid(), signal.SIGTERM)
            return work(*args, **kwargs)

        return first_the_signal

    TransformersEngine.generate = counted
    part = {"sampling": continuous_batching, "gathering": FSDPModule}[place]
    name = {"sampling": "_write", "gathering": "unshard"}[place]
    setattr(part, name, signalled(getattr(part, name)))
    fit(root, *options)


@pytest.mark.parametrize("place", ["sampling", "gathering"])
def test_a_signal_to_one_process_ends_both_that_hold_the_policy_in_shards(tmp_path, place):
    """The other one goes on to what all of them do together: it gathers, and compares with the trainer."""
    run = partial(end_the_second_in_shards, place=place)
    printed = fit_on_two(tmp_path, *HALF, SHARDED, *MORE, "--checkpoint.every_n_steps=1", run=run)
    assert [text.rpartition("exit ")[2] for text in printed] == ["75", "0"], printed
    assert "p2o: SIGTERM: the run has ended" in printed[0] and not any("Traceback" in text for text in printed), printed
    reached_the_end(fit_on_two(tmp_path, *HALF, SHARDED, *MORE, "--ckpt_path=last"))
