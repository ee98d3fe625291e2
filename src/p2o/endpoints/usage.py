"""What calls of a model behind an endpoint cost."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Usage:
    """The cost of one call, or the sum over many.

    Args:
        calls: Replies that were asked for, each once however often it was tried.
        retries: Attempts beyond the first of a call.
        failures: Attempts that brought no reply, by cause.
        prompt_tokens: Of the replies that came, by the reflecting model's count where it tells.
        completion_tokens: Of the replies that came, thoughts included.
        seconds: Summed over calls, which may have run side by side.
        money: In the currency of the prices.
    """

    calls: int = 0
    retries: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    money: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.retries + other.retries,
            dict(Counter(self.failures) + Counter(other.failures)),
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
            self.money + other.money,
        )

    @property
    def tokens(self) -> int:
        """Tokens of prompts and completions together."""
        return self.prompt_tokens + self.completion_tokens

    def plain(self) -> dict[str, Any]:
        """The fields as a dictionary of plain types, for checkpoints and reports."""
        return asdict(self)


ZERO_USAGE = Usage()
