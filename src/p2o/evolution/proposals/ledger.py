"""What reflection has cost in a run, by epoch and reflector."""

from typing import Any

from p2o.endpoints.usage import ZERO_USAGE, Usage


class Ledger:
    """Adds up usages; a run that is resumed goes on adding to the ledger of its checkpoint."""

    def __init__(self) -> None:
        self.entries: dict[tuple[int, str], Usage] = {}

    def add(self, epoch: int, reflector: str, usage: Usage) -> None:
        """Adds what a reflector used after an epoch to what is booked there already."""
        self.entries[epoch, reflector] = self.entries.get((epoch, reflector), ZERO_USAGE) + usage

    @property
    def total(self) -> Usage:
        """What reflection has cost in the whole run, resumed parts included."""
        return sum(self.entries.values(), ZERO_USAGE)

    def of(self, epoch: int) -> dict[str, Usage]:
        """What the evolution after an epoch cost, by reflector."""
        return {reflector: usage for (number, reflector), usage in self.entries.items() if number == epoch}

    def state_dict(self) -> list[dict[str, Any]]:
        """A row for each epoch and reflector, in plain types."""
        return [
            {"epoch": epoch, "reflector": reflector, **usage.plain()}
            for (epoch, reflector), usage in self.entries.items()
        ]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Takes over the ledger of the run that is resumed."""
        self.entries = {
            (row["epoch"], row["reflector"]): Usage(**{k: v for k, v in row.items() if k not in ("epoch", "reflector")})
            for row in state
        }
