"""Processes that hold one model together, all of which must ask for the same prompts in the same order."""

from collections.abc import Sequence

import torch.distributed

from p2o.errors import InputError
from p2o.types import Prompt


class TensorGroup:
    """A number of neighbouring processes of the run; a group of one needs no run.

    Args:
        size: Processes of the group; divides those of the run, which is checked before it begins.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._group: torch.distributed.ProcessGroup | None = None

    def share(self, prompts: Sequence[Prompt]) -> tuple[list[Prompt], slice]:
        """The prompts of the whole group, and where this process's own are among them.

        Raises:
            InputError: There are no whole groups; `p2o fit` has found that before.
        """
        if self.size == 1:
            return list(prompts), slice(None)
        if self._group is None:
            processes = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
            if processes % self.size:
                raise InputError(
                    f"engine.tensor_parallel_size: expected a divisor of the {processes} processes that take part, got "
                    f"{self.size}."
                )
            self._group = torch.distributed.new_subgroups(self.size)[0]
        parts: list[list[Prompt]] = [[]] * self.size
        torch.distributed.all_gather_object(parts, list(prompts), group=self._group)
        start = sum(len(part) for part in parts[: torch.distributed.get_rank() % self.size])
        return [prompt for part in parts for prompt in part], slice(start, start + len(prompts))
