"""What those who are asked over the network cost."""

from dataclasses import dataclass

from p2o.commands.planning.span import Span


@dataclass(frozen=True)
class Prices:
    """The prices of a million tokens; 0 if they are not set."""

    prompt: float = 0.0
    completion: float = 0.0

    def money(self, prompt_tokens: Span, completion_tokens: Span) -> Span | None:
        """What tokens cost; None if they are free."""
        paid = prompt_tokens * (self.prompt / 1e6) + completion_tokens * (self.completion / 1e6)
        return paid if paid.high else None


FREE = Prices()


@dataclass(frozen=True)
class Paid:
    """The prices of the reflector and of the teacher, if they are paid."""

    reflector: Prices = FREE
    teacher: Prices = FREE


def prices_of(asked: object) -> Prices:
    """The prices in the config of a reflector or a teacher; free if it has none."""
    endpoint = vars(asked).get("endpoint") if asked else None
    return Prices(endpoint.spending.prompt_price, endpoint.spending.completion_price) if endpoint else FREE
