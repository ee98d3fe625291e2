"""A class that takes another one's place in a config has its own defaults, and what was written."""

import inspect
import subprocess
import sys
from itertools import permutations

import pytest
import torch
import yaml

from p2o.cli.classes import _concrete, base_of
from p2o.cli.config import read_config
from p2o.cli.sections import DEFAULTS

BASE = {
    "model": {"model": "p2o/micro-policy"},
    "data": {
        "train": {"class_path": "p2o.worlds.ChainQuestions", "init_args": {"split": "train", "easy": 2, "hard": 2}}
    },
}


def defaults(kind):
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def needs_nothing(kind):
    return len(defaults(kind)) == len(inspect.signature(kind.__init__).parameters) - 1


def pairs():
    """Classes of one key that share an option and not its default; of the first, everything has one."""
    for key in DEFAULTS:
        for before, after in permutations(_concrete(base_of(key)), 2):
            own, others = defaults(after), defaults(before)
            if (
                needs_nothing(before)
                and needs_nothing(after)
                and any(own[name] != others[name] for name in own.keys() & others.keys())
            ):
                yield pytest.param(key, before, after, id=f"{key}-{before.__name__}-{after.__name__}")


def part(tmp_path, key, *parts):
    """What a key comes to after several config files, of which each sets it."""
    section, name = key.split(".")
    words = []
    for number, value in enumerate([None, *parts]):
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump(BASE if value is None else {section: {name: value}}))
        words += ["--config", str(path)]
    return read_config(words)[section][name]["init_args"]


def path_of(kind):
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}"}


@pytest.mark.parametrize(("key", "before", "after"), list(pairs()))
def test_it_has_its_own_defaults(tmp_path, key, before, after):
    found = part(tmp_path, key, path_of(before), path_of(after))
    assert {name: found[name] for name in defaults(after) if not isinstance(found[name], dict)} == {
        name: value for name, value in defaults(after).items() if not isinstance(found[name], dict)
    }


def test_there_are_such_pairs():
    assert {"model.loss", "model.context"} <= {one.values[0] for one in pairs()}


@pytest.mark.parametrize("sampler", ["SelfHints", "ScaffoldedHints"])
def test_samplers_that_hint_have_short_names(tmp_path, sampler):
    static = {"class_path": "StaticReflector", "init_args": {"templates": ["Think."]}}
    arguments = {"reflector": static} if sampler == "SelfHints" else {"tiers": [static]}
    model = BASE["model"] | {"sampler": {"class_path": sampler, "init_args": arguments}}
    (tmp_path / "hints.yaml").write_text(yaml.safe_dump(BASE | {"model": model}), encoding="utf-8")
    found = read_config(["--config", str(tmp_path / "hints.yaml")])["model"]["sampler"]
    assert found["class_path"].endswith(f".{sampler}")


def test_a_whole_number_is_read_as_one_whatever_was_imported_before(tmp_path):
    """typing remembers Union[float, int] for Union[int, float]: 1 was 1.0, all batches, after p2o.engines."""
    code = (
        "import p2o.engines\nfrom p2o.cli.config import read_config\n"
        f"print(repr(read_config(['--config', {str(tmp_path / 'base.yaml')!r}, '--trainer.limit_val_batches', '1'])"
        "['trainer']['limit_val_batches']))"
    )
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1:] == ["1"], done.stdout + done.stderr


def test_what_was_written_stays_where_it_fits(tmp_path):
    masked = {**path_of(_class("model.context", "Masked")), "init_args": {"low": 0.05}}
    found = part(tmp_path, "model.context", masked, path_of(_class("model.context", "Weighted")))
    assert found == {"low": 0.05, "high": 1.0}
    gspo = {**path_of(_class("model.loss", "GSPOLoss")), "init_args": {"epsilon_low": 0.1}}
    assert part(tmp_path, "model.loss", gspo) == {"epsilon_low": 0.1, "epsilon_high": 4e-4}


def _class(key, name):
    return next(kind for kind in _concrete(base_of(key)) if kind.__name__ == name)


def test_an_optimizer_has_its_own_defaults_and_not_those_of_p2o_s_own(tmp_path):
    sgd = {"class_path": "torch.optim.SGD"}
    found = part(tmp_path, "model.optimizer", sgd)
    assert {name: found[name] for name in ("lr", "weight_decay", "fused")} == {
        name: inspect.signature(torch.optim.SGD).parameters[name].default for name in ("lr", "weight_decay", "fused")
    }


def test_what_was_written_of_an_optimizer_stays(tmp_path):
    adamw = {"class_path": "torch.optim.AdamW", "init_args": {"lr": 3e-5, "weight_decay": 0.2}}
    found = part(tmp_path, "model.optimizer", adamw, {"class_path": "torch.optim.SGD"})
    assert (found["lr"], found["weight_decay"], found["fused"]) == (3e-5, 0.2, None)
    again = part(tmp_path, "model.optimizer", {"class_path": "torch.optim.AdamW", "init_args": {"eps": 1e-6}})
    assert (again["lr"], again["weight_decay"], again["fused"], again["eps"]) == (1e-6, 0.01, True, 1e-6)
