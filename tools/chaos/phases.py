"""The phases of a run, and what a process does as each of them begins and ends."""

import functools
from collections.abc import Callable
from typing import Any

from p2o.callbacks import evolution_log, fixed_questions, rollout_log, run_summary, save_config, validation_log
from p2o.evolution.proposals.reflection import Reflection
from p2o.evolution.search import EvolutionSearch
from p2o.io import files
from p2o.policy.checkpoints import journal
from p2o.policy.checkpoints.storage import WholeFiles
from p2o.policy.update import OptimizerSteps
from p2o.rollouts.worker import RolloutWorker
from p2o.run_folder import question_tables

START = "start"
"""From the first line of the program to the first other phase: the config, the policy, the checkpoint."""

BETWEEN = "between two phases"
"""Questions are dealt out, callbacks count, Lightning logs."""

LOGS = (evolution_log, fixed_questions, rollout_log, run_summary, save_config, validation_log, question_tables)
WRITES = ("write_json", "write_jsonl", "write_parquet", "write_text")
FUNCTIONS: dict[str, list[tuple[Any, str]]] = {
    "update": [(OptimizerSteps, "__call__")],
    "evolution": [(EvolutionSearch, "run")],
    "reflection": [(Reflection, "_reflect_together")],
    "checkpoint write": [(WholeFiles, "save_checkpoint")],
    "iterations write": [(journal, "write_text")],
    "log write": [(log, name) for log in LOGS for name in WRITES if name in vars(log)],
    "rename": [(files.os, "replace")],
}
"""What each phase consists of, as owner and attribute; rollouts are told apart by what they are for."""

ROLLOUTS = {"train": "rollout", "validation": "validation", "fixed_questions": "fixed questions"}
"""Those of an evolution count as the evolution."""

IN_AN_EPOCH = (
    *("fixed questions", "rollout", "update", "checkpoint write", "rename", "validation", "log write"),
    *("evolution", "reflection", "iterations write"),
)
"""All phases in the order in which they begin."""


def observe(begins: Callable[[str], None], ends: Callable[[], None]) -> None:
    """Calls `begins` with the name of each phase as it begins, and `ends` as the one that began last ends."""

    def wrapped(function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (any function)
            begins(name(*args, **kwargs))
            try:
                return function(*args, **kwargs)
            finally:
                ends()

        return call

    for phase, functions in FUNCTIONS.items():
        for owner, name in functions:
            setattr(owner, name, wrapped(getattr(owner, name), lambda *_, phase=phase, **__: phase))
    roll_out = wrapped(RolloutWorker.roll_out, lambda *args, **_: ROLLOUTS.get(args[4], args[4]))
    RolloutWorker.roll_out = roll_out  # type: ignore[method-assign]
