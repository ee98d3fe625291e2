"""Checkpoints: what they hold, how they are written and read, and where a run goes on from them."""

from p2o.io.part_states import Stateful
from p2o.policy.checkpoints.reading import load_checkpoint
from p2o.policy.checkpoints.state import (
    PREFIX,
    check_belongs,
    keep_trained,
    policy_state,
    restore_policy_state,
)

__all__ = [
    "PREFIX",
    "Stateful",
    "check_belongs",
    "keep_trained",
    "load_checkpoint",
    "policy_state",
    "restore_policy_state",
]
