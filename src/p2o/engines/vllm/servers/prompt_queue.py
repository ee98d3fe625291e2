"""Which server takes which prompt next."""

from collections import defaultdict, deque
from collections.abc import Sequence

from p2o.types import Prompt


class PromptQueue:
    """Prompts that wait to be sampled, by number.

    The rollouts of a question have the same prompt, and stay on one server as long as it keeps up: the others of them
    find its keys and values in the prefix cache. A server that has nothing left helps out where most are waiting.

    Args:
        prompts: All of them.
    """

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self.prompts = prompts
        self._waiting: dict[tuple[int, ...], deque[int]] = {}
        for number, prompt in enumerate(prompts):
            self._waiting.setdefault(prompt.ids, deque()).append(number)
        self._free = deque(self._waiting)
        self._begun: defaultdict[str, list[tuple[int, ...]]] = defaultdict(list)  # by server

    def take(self, server: str) -> int | None:
        """The number of the prompt that a server with a free place samples now; None if nothing waits."""
        ids = self._next(server)
        if ids is None:
            return None
        number = self._waiting[ids].popleft()
        if not self._waiting[ids]:
            del self._waiting[ids]
        return number

    def give_back(self, number: int) -> None:
        """Has a prompt wait again, for whichever server is free first."""
        ids = self.prompts[number].ids
        self._waiting.setdefault(ids, deque()).appendleft(number)
        self._free.appendleft(ids)

    def _next(self, server: str) -> tuple[int, ...] | None:
        begun = self._begun[server]
        while begun and begun[-1] not in self._waiting:
            begun.pop()
        if begun:
            return begun[-1]
        while self._free:
            ids = self._free.popleft()
            if ids in self._waiting:
                begun.append(ids)
                return ids
        return max(self._waiting, key=lambda ids: len(self._waiting[ids]), default=None)
