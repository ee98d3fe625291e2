from dataclasses import asdict

from p2o.endpoints.usage import ZERO_USAGE, Usage
from p2o.evolution.summary import console_summary

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
    "stages": {"search": {"iterations": 2, "rollouts": 2}},
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
