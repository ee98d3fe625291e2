"""Limits on what the calls of an endpoint may cost in a run, and the guard that holds them."""

import math
from dataclasses import dataclass, replace

from p2o.endpoints.usage import Usage
from p2o.errors import InputError


@dataclass(frozen=True)
class Spending:
    """Limits of a run, resumed parts included, and the prices that money is counted with.

    A call is made only if its prompt and the longest reply to it are within the limits together with all that was spent
    and all calls under way. If these alone are in its way, it waits until they have cost less than they may.

    Args:
        tokens: Tokens of prompts and replies at most.
        money: Money at most, in the currency of the prices; 0: no limit.
        prompt_price: Of a million tokens of prompts.
        completion_price: Of a million tokens of replies.
    """

    tokens: int = 100_000_000
    money: float = 0.0
    prompt_price: float = 0.0
    completion_price: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.tokens, self.money, self.prompt_price, self.completion_price)
        if not all(0 <= number < math.inf for number in numbers):
            raise InputError(f"spending: expected tokens, money and prices of 0 or more, got {numbers}.")
        if self.money and not self.prompt_price + self.completion_price:
            raise InputError(
                f"spending: expected prices with the limit of {self.money} on money, got none. Set prompt_price and "
                "completion_price, per million tokens."
            )

    def priced(self, usage: Usage) -> Usage:
        """The same usage with its money, by the prices of these settings."""
        money = (usage.prompt_tokens * self.prompt_price + usage.completion_tokens * self.completion_price) / 1e6
        return replace(usage, money=money)

    def exceeded(self, usage: Usage) -> str:
        """Which limit a usage is beyond; "" if none."""
        if usage.tokens > self.tokens:
            return f"{self.tokens:,} tokens (spending.tokens)"
        if self.money and usage.money > self.money:
            return f"{self.money:g} (spending.money)"
        return ""


class BudgetGuard:
    """What was spent in a run and what calls under way may yet cost, so that limits hold with many calls at a time."""

    def __init__(self, spending: Spending, spent: Usage) -> None:
        self.spending = spending
        self.spent = spent
        self._held: list[Usage] = []

    def limit(self, most: Usage) -> str:
        """Which limit a call that costs at most so much is beyond, whatever calls under way do cost; "" if none."""
        return self.spending.exceeded(self.spent + most)

    def reserve(self, most: Usage) -> bool:
        """Sets aside what a call costs at most, if that is within the limits beside what was set aside before."""
        fits = not self.spending.exceeded(sum([*self._held, most], self.spent))
        if fits:
            self._held.append(most)
        return fits

    def settle(self, most: Usage, usage: Usage) -> None:
        """Takes what a call did cost for what was set aside."""
        self._held.remove(most)
        self.spent += usage
