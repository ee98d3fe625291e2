"""Every config parses, and says how it is run."""

from pathlib import Path

import pytest
import yaml

from p2o.cli import main

CONFIGS = Path(__file__).parent.parent / "configs"
WHOLE = sorted(path for path in CONFIGS.rglob("*.yaml"))


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_parses(path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(path), "--print_config"])
    assert stop.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)["data"]["num_generations"] == 6


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_the_first_line_is_the_command(path):
    relative = path.relative_to(CONFIGS.parent)
    assert path.read_text(encoding="utf-8").splitlines()[0] == f"# p2o fit --config {relative}"


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
