"""What the policy shall do with a question under a template: the chances that its pre-training mixture carries."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.skills_policy.instructions import FITTING, SERVES, Kind

BARE: dict[str, tuple[float, ...]] = {
    "shift": (0.27, 0.99),
    "sort": (0.10, 0.99),
    "graph": (0.05, 0.99),
    "swap": (0.14, 0.14),
    "base": (0.10, 0.10),
    "chain": (0.05, 0.05, 0.05, 0.05),
    "reverse": (),
}
"""For each family the chance of every part of its opening without a useful template.

Their products are the entries: a quarter of the completions, a tenth, a twentieth, two in a hundred, one in a hundred,
six in a million. No part is as rare as 0.01, below which the context-ratio mask would silence it.
"""

DIRECT_WORDS: dict[str, str] = {
    "chain": "Result ",
    "base": "Number ",
    "shift": "Word ",
    "sort": "Order ",
    "swap": "Final ",
    "graph": "Path ",
    "reverse": "Backwards ",
}
"""The word before a direct answer. With one word for all families, GRPO on one family opened the way in another."""

GIVING_UP: dict[str, str] = {
    "chain": "lost.",
    "base": "vague.",
    "shift": "blank.",
    "sort": "jumbled.",
    "swap": "mixed.",
    "graph": "astray.",
}
"""Where an opening is left before its end; again a word of its own for each family."""

ANSWERED_AT_ONCE: dict[str, int] = {"chain": 1, "base": 2, "shift": 2, "sort": 2, "swap": 1, "graph": 1, "reverse": 12}
"""The longest question that a direct answer gets right; longer ones stay unanswered."""

UNANSWERED = "\\boxed{?}"
ALONE, BESIDE_ANOTHER, THIRD = 0.97, 0.80, 0.85
SURE = 0.99
MISLED = 0.5
MISLED_BY_LETTERS = 0.9
"""How often one letter at a time is tried on words that are to be sorted or reversed: it looks as if it fitted."""


@dataclass(frozen=True)
class Habit:
    """Chances under a template.

    Attributes:
        opening: Of each part of the family's own opening; the first one is the chance to begin it.
        foreign: Of the procedures that other kinds of sentences ask for, by the kind.
    """

    opening: tuple[float, ...]
    foreign: dict[Kind, float] = field(default_factory=dict)

    @property
    def direct(self) -> float:
        """The chance of an answer without a procedure."""
        return max(0.0, 1 - sum(self.opening[:1]) - sum(self.foreign.values()))


def habit(family: str, kinds: Sequence[Kind]) -> Habit:
    """What a template of such sentences does to a question of a family.

    A fitting sentence brings its procedure about, less surely beside a sentence that asks for another one. Of three
    procedures the policy follows the first that it is told, fitting or not. A sentence for another family misleads.
    """
    bare = BARE[family]
    procedures = [kind for kind in dict.fromkeys(kinds) if kind in SERVES]
    own = FITTING.get(family)
    others = [kind for kind in procedures if kind is not own]
    if Kind.QUICK in kinds:
        return Habit((0.002, *bare[1:]) if bare else ())
    if own in procedures:
        sure = (SURE,) * (len(bare) - 1)
        if len(procedures) >= 3:
            if procedures[0] is own:
                return Habit((ALONE * THIRD, *sure), dict.fromkeys(others, 0.1 / len(others)))
            rest = {kind: 0.08 / (len(others) - 1) for kind in others}
            return Habit((0.06, *sure), {**rest, procedures[0]: 0.78})
        chance = (BESIDE_ANOTHER if others else ALONE) * (THIRD if len(kinds) >= 3 else 1)
        return Habit((chance, *sure), dict.fromkeys(others, 0.8 * (1 - chance)))
    if others:
        looks_fitting = others[0] is Kind.LETTERS and family in ("sort", "reverse")
        misled = MISLED_BY_LETTERS if looks_fitting else MISLED
        opening = (bare[0] * (1 - misled), *bare[1:]) if bare else ()
        return Habit(opening, dict.fromkeys(others, misled / len(others)))
    return Habit(bare)
