"""Every config parses, and says how it is run."""

import functools
import math
from contextlib import chdir
from pathlib import Path

import pytest
import yaml

from p2o.cli.config import read_config
from p2o.cli.main import main
from p2o.cli.trainer import P2OCLI
from p2o.policy.module import PolicyModule

CONFIGS = Path(__file__).parent.parent / "configs"
METHODS = sorted((CONFIGS / "methods").glob("*.yaml"))  # on top of another config
REFLECTORS = sorted((CONFIGS / "reflector").glob("*.yaml"))  # likewise
ENGINES = sorted((CONFIGS / "engine").glob("*.yaml"))  # likewise
WHOLE = sorted(path for path in CONFIGS.rglob("*.yaml") if path not in METHODS + REFLECTORS + ENGINES)


def words(path):
    """The words that run a config."""
    files = [path] if path in WHOLE else [CONFIGS / "quickstart.yaml", path]
    return ["fit", *(word for file in files for word in ("--config", str(file.relative_to(CONFIGS.parent))))]


@pytest.mark.parametrize("path", WHOLE + REFLECTORS + ENGINES, ids=lambda path: path.stem)
def test_parses(path):
    assert parsed(path)["data"]["num_generations"] == 6


@functools.cache
def parsed(path):
    """All that a config comes to."""
    with chdir(CONFIGS.parent):
        return read_config(words(path)[1:])


def test_what_a_study_reads_is_what_is_printed(capsys):
    options = ["--config", str(CONFIGS / "quickstart.yaml"), "--trainer.max_epochs=5", "--ckpt_path=last"]
    with pytest.raises(SystemExit):
        main(["fit", *options, "--print_config"])
    assert yaml.safe_load(capsys.readouterr().out) == read_config(options)


@pytest.mark.parametrize("path", WHOLE + REFLECTORS + ENGINES, ids=lambda path: path.stem)
def test_the_first_line_is_the_words(path):
    assert path.read_text(encoding="utf-8").splitlines()[0] == f"# p2o {' '.join(words(path))}"


@pytest.mark.parametrize("path", REFLECTORS, ids=lambda path: path.stem)
def test_a_reflector_is_swapped_by_one_file(path):
    part = yaml.safe_load(path.read_text())
    swapped = parsed(path)["evolution"]["reflector"]
    assert swapped["class_path"] == part["evolution"]["reflector"]["class_path"]
    given = part["evolution"]["reflector"]["init_args"]
    assert flat(given).items() <= flat(swapped["init_args"]).items()
    assert "OPENAI_API_KEY" in str(swapped) or "Teacher" not in str(swapped)  # the name of the key, never the key


def flat(value, path=()):
    if not isinstance(value, dict):
        return {path: value}
    return {k: v for name, part in value.items() for k, v in flat(part, (*path, name)).items()}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("quickstart_grpo", {"trainer.max_epochs", "trainer.default_root_dir", "evolution.budget"}),
        (
            "quickstart_no_distillation",
            {
                "trainer.default_root_dir",
                *(f"model.context.{n}" for n in ("class_path", "init_args.low", "init_args.high")),
            },
        ),
    ],
)
def test_the_sister_configs_differ_in_a_few_lines(name, keys):
    base, sister = (flat(yaml.safe_load((CONFIGS / f"{n}.yaml").read_text())) for n in ("quickstart", name))
    assert {".".join(key) for key in base.keys() | sister.keys() if base.get(key) != sister.get(key)} == keys


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_a_method_is_built_on_top_of_the_quickstart(path, monkeypatch, tmp_path):
    built = []
    monkeypatch.setattr(P2OCLI, "_run_subcommand", lambda self, subcommand: built.append(self.model))
    base = CONFIGS / "quickstart.yaml"
    main(["fit", f"--config={base}", f"--config={path}", f"--trainer.default_root_dir={tmp_path}"])
    [model] = built
    assert isinstance(model, PolicyModule)
    command, blank, *sentence = path.read_text(encoding="utf-8").splitlines()
    assert command == f"# p2o fit --config configs/quickstart.yaml --config configs/methods/{path.name}"
    assert blank == "#" and sentence[0].startswith("# ")
    assert yaml.safe_load(path.read_text())["trainer"]["default_root_dir"] == f"runs/methods/{path.stem}"


def test_every_method_is_documented():
    documented = (CONFIGS.parent / "docs" / "methods.md").read_text(encoding="utf-8")
    assert [path.stem for path in METHODS if f"`{path.stem}`" not in documented] == []


def test_compute_matched_grpo_has_the_rollouts_of_p2o():
    base, method = (
        yaml.safe_load((CONFIGS / name).read_text())
        for name in ("quickstart.yaml", "methods/grpo_compute_matched.yaml")
    )
    questions = sum(base["data"]["train"]["init_args"][name] for name in ("easy", "hard"))
    epochs, evolutions = base["trainer"]["max_epochs"], base["trainer"]["max_epochs"] - 1
    rollouts = questions * base["data"]["num_generations"] * epochs + base["evolution"]["budget"] * evolutions
    assert method["data"]["num_generations"] == math.ceil(rollouts / (questions * epochs))
