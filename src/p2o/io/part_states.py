"""The state of parts in a checkpoint: of whichever has `state_dict` and `load_state_dict`, and something to keep."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Stateful(Protocol):
    """A part whose state is in the checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on with, in plain types."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what `state_dict` described."""


def class_path(part: object) -> str:
    """What a state is known by: its keys may be those of the data."""
    return f"{type(part).__module__}.{type(part).__qualname__}"


def part_states(parts: Mapping[str, object]) -> dict[str, Any]:
    """The states of parts by their names; none of those that keep nothing, such as all of p2o's own."""
    states = {name: dict(part.state_dict()) for name, part in parts.items() if isinstance(part, Stateful)}
    return {name: {"class": class_path(parts[name]), "state": state} for name, state in states.items() if state}


def restore_parts(parts: Mapping[str, object], states: Mapping[str, Any]) -> None:
    """Gives parts the states that `part_states` described; a class that has taken another one's place begins anew."""
    from lightning.pytorch.utilities import rank_zero_info  # here, since rewards graded without a run need none of it

    for name, kept in states.items():
        part = parts.get(name)
        if isinstance(part, Stateful) and class_path(part) == kept["class"]:
            part.load_state_dict(kept["state"])
        else:
            rank_zero_info(
                f"{name}: {class_path(part)} begins anew, since the checkpoint has the state of {kept['class']}."
            )
