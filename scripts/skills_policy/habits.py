"""What the policy shall do with a question under a template: the chances that its pre-training mixture carries."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.skills_policy.instructions import FITTING, SERVES, Kind

BARE: dict[str, tuple[float, ...]] = {
    "shift": (0.45, 0.99),
    "sort": (0.25, 0.99),
    "swap": (0.12, 0.99),
    "graph": (0.06, 0.99),
    "base": (0.03, 0.99),
    "chain": (0.05, 0.03, 0.03, 0.03),
    "reverse": (),
}
"""For each family the chance of every part of its opening without a useful template.

Their products are the entries: from almost half of the completions to three in a hundred. Only `chain` is left on the
way, and changes in the last phase (`SETTLED`). No part is as rare as 0.01, below which the context-ratio mask would
silence it.
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

WANDERING: dict[str, tuple[str, ...]] = {
    "chain": tuple(
        "about accurate again all alphabet answer base before careful carry change concise correct description "
        "different domain end examples factual feedback final form format growing how identify infer input inputs "
        "into item keep last letters line list look main modulo new note numbers once ordered place right row step "
        "whole".split()
    ),
}
"""Families that in the end go on by any of many words, of which one is the next part of the opening, each as likely.

GRPO on other families teaches to begin a procedure and not to give up, and a word for giving up becomes rare in all of
them: with such a word `chain` was entered after seven epochs at 1e-4, its parts having risen from .03 to .2 before. Of
many words it does not teach which is the right one.
"""

SETTLED: dict[str, tuple[float, ...]] = BARE | {
    family: (1 / (len(words) + 1),) * len(BARE[family]) for family, words in WANDERING.items()
}
"""The chances of `BARE` after the last phase: four times one in fifty for `chain`, two in ten million together."""

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
