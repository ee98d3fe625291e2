from pathlib import Path

import pytest

from p2o.commands.study.definition import Method, Study
from p2o.errors import InputError

TUNED = {"a": Method(tune={"model.lr": [1, 2]})}


def study(baseline="a", **arguments):
    return Study(
        **({"configs": ["base.yaml"], "methods": {"a": Method(), "b": Method()}, "baseline": baseline} | arguments)
    )


def test_a_variant_for_each_combination():
    methods = {
        "a": Method(configs=["over.yaml"], options={"model.lr": 1e-4, "data.tau": 9}, grid={"data.tau": [1, 2]}),
        "b": Method(tune={"model.lr": [5e-5, 1e-4], "model.warmup_steps": [0, 9]}, accuracy="templated/hard"),
    }
    variants = list(study("a data.tau=2", methods=methods, options={"data.tau": 7, "trainer.max_epochs": 3}).variants())
    assert [(v.row, v.tuned) for v in variants] == [
        ("a data.tau=1", ""),
        ("a data.tau=2", ""),
        ("b", "model.lr=5e-05 model.warmup_steps=0"),
        ("b", "model.lr=5e-05 model.warmup_steps=9"),
        ("b", "model.lr=0.0001 model.warmup_steps=0"),
        ("b", "model.lr=0.0001 model.warmup_steps=9"),
    ]
    assert variants[1].arguments(Path()) == [
        "--config", "base.yaml", "--data.tau=7", "--trainer.max_epochs=3",
        "--config", "over.yaml", "--model.lr=0.0001", "--data.tau=2",
    ]  # fmt: skip
    assert [v.accuracy for v in variants[1:3]] == ["bare/hard", "templated/hard"]


def test_values_come_to_the_command_line_as_it_reads_them():
    options = {
        "a": 1e-4,
        "b": "1e-4",
        "c": None,
        "d": True,
        "e": {"class_path": "X", "init_args": {"s": "é"}},
    }
    [variant, _] = study(options=options).variants()
    assert variant.arguments(Path("studies")) == [
        "--config", "studies/base.yaml", "--a=0.0001", "--b=1e-4", "--c=null", "--d=true",
        '--e={"class_path": "X", "init_args": {"s": "é"}}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"baseline": "c"}, "baseline: expected one of a, b, got 'c'"),
        ({"methods": {"a/../b": Method()}}, "methods: expected names of letters"),
        ({"methods": {"a": Method(grid={"data.tau": []})}}, r"methods.a.grid.data.tau: expected values, got none"),
        ({"methods": {"a": Method(tune={"model.lr": []})}}, r"methods.a.tune.model.lr: expected values, got none"),
        ({"methods": {"a": Method(grid={"data.tau": [1]})}}, "expected one of a data.tau=1, got 'a'"),
        ({"methods": {"a": Method(accuracy="final")}}, "accuracy: expected bare or templated.*got 'final'"),
        ({"seeds": []}, "seeds: expected at least one"),
        ({"tuning_seeds": [3]}, r"tuning_seeds: expected a method with values to tune, got \[3\] and none"),
        ({"tuning_seeds": [2], "methods": TUNED}, r"tuning_seeds: .*none of seeds \[0, 1, 2\], got \[2\]"),
        ({"tuning_seeds": [3, 3], "methods": TUNED}, r"tuning_seeds: expected each once"),
        ({"seeds": [-1]}, "seeds: .*from 0"),
        ({"seeds": [1, 1]}, "seeds: .*each once"),
        ({"jobs": -1}, "jobs: expected at least 0.*got -1"),
        ({"target": 60}, "target: expected a share"),
        (
            {"methods": {"a": Method(), "b": Method(accuracy="templated")}, "baseline": "a"},
            "accuracy: expected the same questions of every method.*'all', 'hard'",
        ),
        ({"accuracy": "hard"}, "accuracy: expected bare or templated"),
        ({"accuracy": "bare/"}, "accuracy: expected bare or templated.*got 'bare/'"),
        ({"accuracy": "bare/a/b"}, "accuracy: expected bare or templated"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        study(**arguments)
