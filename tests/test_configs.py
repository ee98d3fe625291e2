"""Every config parses, and says how it is run."""

from pathlib import Path

import pytest
import yaml

from p2o.cli import main

CONFIGS = Path(__file__).parent.parent / "configs"
WHOLE = sorted(CONFIGS.glob("*.yaml"))
PARTS = sorted(CONFIGS.glob("*/*.yaml"))  # each is laid over a whole config


def command(path):
    """The words that run a config."""
    files = [path] if path in WHOLE else [CONFIGS / "quickstart.yaml", path]
    return ["fit", *(word for file in files for word in ("--config", str(file.relative_to(CONFIGS.parent))))]


@pytest.mark.parametrize("path", WHOLE + PARTS, ids=lambda path: path.stem)
def test_parses(path, capsys, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    with pytest.raises(SystemExit) as stop:
        main([*command(path), "--print_config"])
    assert stop.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)["data"]["num_generations"] == 6


@pytest.mark.parametrize("path", WHOLE + PARTS, ids=lambda path: path.stem)
def test_the_first_line_is_the_command(path):
    assert path.read_text(encoding="utf-8").splitlines()[0] == f"# p2o {' '.join(command(path))}"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("reflector/*.yaml")), ids=lambda path: path.stem)
def test_a_reflector_is_swapped_by_one_file(path, capsys, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    with pytest.raises(SystemExit):
        main([*command(path), "--print_config"])
    printed, part = yaml.safe_load(capsys.readouterr().out), yaml.safe_load(path.read_text())
    swapped = printed["evolution"]["reflector"]
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
        ("quickstart_no_distillation", {"trainer.default_root_dir", "model.context.class_path"}),
    ],
)
def test_the_sister_configs_differ_in_a_few_lines(name, keys):
    base, sister = (flat(yaml.safe_load((CONFIGS / f"{n}.yaml").read_text())) for n in ("quickstart", name))
    assert {".".join(key) for key in base.keys() | sister.keys() if base.get(key) != sister.get(key)} == keys
