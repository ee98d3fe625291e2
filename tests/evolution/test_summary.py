from dataclasses import asdict

from p2o.endpoints.usage import ZERO_USAGE, Usage
from p2o.evolution.history import History, Iteration, Stage
from p2o.evolution.result import stages
from p2o.evolution.summary import console_summary, metrics

REPORT = {
    "epoch": 0,
    "iterations": 1,
    "spent": 2,
    "budget": 3,
    "pool": 1,
    "bank": 0,
    "rejections": {},
    "best_template": "",
    "stopped": "no dev",
    "distinct_share": 0.5,
    "similarity": None,
    "stages": {"search": {"iterations": 1, "rollouts": 2}},
}


def test_who_made_no_call_has_no_line():
    usages = {
        "StaticReflector": asdict(ZERO_USAGE),
        "TeacherReflector m": asdict(Usage(calls=2, failures={"timeout": 1})),
    }
    first, *ledger = console_summary(REPORT | {"reflection": usages})
    assert first.startswith("evolution after epoch 0: 1 iterations, 2 of 3 rollouts")
    assert [line.split(";")[0] for line in ledger] == [
        "reflection by TeacherReflector m: 2 calls, 0 retries, failed attempts: 1 timeout"
    ]


def test_what_several_reflectors_cost_is_logged_together():
    """An evolution that one model could not finish may be resumed with another one."""
    big = Usage(170, 2, {"timeout": 1, "status 500": 1}, 17000, 1700, 9.0, 3.25)
    small = Usage(40, 1, {"timeout": 2}, 4000, 400, 2.0, 0.5)
    nothing = dict.fromkeys(
        ("best_dev_score", "seed_dev_score", "covered", "single_solvers", "drawn_again", "lucky_hits")
    )
    report = REPORT | nothing | {"reflection": {"big": big.plain(), "small": small.plain()}}
    found = {name: value for name, value in metrics(report).items() if name.startswith("reflection/")}
    assert found == {
        "reflection/distinct_share": 0.5,
        "reflection/calls": 210,
        "reflection/retries": 3,
        "reflection/prompt_tokens": 21000,
        "reflection/completion_tokens": 2100,
        "reflection/seconds": 11.0,
        "reflection/money": 3.75,
        "reflection/failed/timeout": 3,
        "reflection/failed/status_500": 1,
    }
    assert not [name for name in metrics(report | {"reflection": {}}) if name.startswith("reflection/calls")]


def test_the_scores_of_the_seeds_are_no_iteration_of_the_search():
    """They cost rollouts all the same."""
    search = (Iteration(dev_rollouts=2), Iteration(parent_rollouts=3), Iteration(parent_rollouts=4))
    history = History(iterations=(*search, Iteration(dev_rollouts=5, stage=Stage.COVER)))
    assert stages(history) == {
        "search": {"iterations": 2, "rollouts": 9},
        "cover": {"iterations": 1, "rollouts": 5},
    }
    assert stages(History()) == {}
