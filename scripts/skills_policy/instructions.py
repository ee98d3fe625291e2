"""A small grammar of templates: sentences that bring a procedure about, and sentences that bring about nothing."""

import hashlib
import itertools
import random
import re
from collections.abc import Sequence
from enum import StrEnum


class Kind(StrEnum):
    """What a sentence asks for."""

    VALUE = "value"  # keep the running value: chains and numerals
    LETTERS = "letters"  # one letter at a time: shifts
    INSERT = "insert"  # build an ordered list: sorting
    ROWS = "rows"  # the row after each change: swaps
    HOPS = "hops"  # road by road: walks
    QUICK = "quick"  # answer at once
    IDLE = "idle"  # nothing that the policy knows to do


SERVES: dict[Kind, tuple[str, ...]] = {
    Kind.VALUE: ("chain", "base"),
    Kind.LETTERS: ("shift",),
    Kind.INSERT: ("sort",),
    Kind.ROWS: ("swap",),
    Kind.HOPS: ("graph",),
}
"""The families that each procedure makes solvable."""

FITTING: dict[str, Kind] = {family: kind for kind, families in SERVES.items() for family in families}
"""The kind of sentence that a family needs; no sentence helps `reverse`."""

PATTERNS: dict[Kind, tuple[tuple[tuple[str, ...], ...], ...]] = {
    Kind.VALUE: (
        (
            ("Keep", "Note", "Write", "Always note"),
            (" the running value", " the running total", " the value"),
            (" after each step.", " after every step.", " at all times."),
        ),
        (
            ("Work", "Go", "Please work"),
            (" from start to end", " from left to right"),
            (" with the value so far.", " and carry the value.", " and keep the value."),
        ),
    ),
    Kind.LETTERS: (
        (
            ("Go", "Work", "Proceed", "Please go"),
            (" letter by letter", " one letter at a time"),
            (".", " please.", ", each with its shift."),
        ),
        (
            ("Handle", "Treat", "Write"),
            (" each letter", " every letter"),
            (" alone.", " by itself.", " on its own."),
        ),
    ),
    Kind.INSERT: (
        (
            ("Insert", "Place", "Put"),
            (" the letters", " each item", " the items"),
            (" one by one.", " where it belongs.", " into a growing list."),
        ),
        (
            ("Grow", "Build", "Extend"),
            (" a sorted list", " an ordered list"),
            (" item by item.", " step by step.", " as you read."),
        ),
    ),
    Kind.ROWS: (
        (
            ("Show", "Give", "Write out"),
            (" the row", " the whole row", " all four letters"),
            (" after each change.", " after every change.", " again and again."),
        ),
        (
            ("Make", "Do", "Carry out"),
            (" one change", " a single change"),
            (" per step.", " and look again.", " before the next."),
        ),
    ),
    Kind.HOPS: (
        (
            ("Follow", "Trace", "Walk"),
            (" the roads", " the way", " the arrows"),
            (" hop by hop.", " one hop at a time.", " road by road."),
        ),
        (
            ("Name", "Say", "List"),
            (" each place", " every stop"),
            (" on the way.", " as you pass.", " that you reach."),
        ),
    ),
    Kind.QUICK: (
        (
            ("Answer", "Reply", "Please answer"),
            (" at once", " right away", " quickly"),
            (".", " without thinking.", " and be short."),
        ),
    ),
    Kind.IDLE: (
        (
            ("Be", "Always be", "Please be"),
            (" concise", " polite", " accurate", " careful"),
            (".", " and clear.", " in your answer."),
        ),
        (
            ("Check", "Mind", "Remember"),
            (" the question", " the alphabet", " the numbers", " the last line"),
            (".", " again.", " with care."),
        ),
    ),
}

SENTENCES: dict[str, Kind] = {
    "".join(choice): kind
    for kind, patterns in PATTERNS.items()
    for slots in patterns
    for choice in itertools.product(*slots)
}


def held_out(sentence: str) -> bool:
    """Whether the sentence is kept from training: one in six, by its text alone."""
    return hashlib.blake2b(sentence.encode(), digest_size=8).digest()[0] % 6 == 0


def draw_sentence(rng: random.Random, kind: Kind, unseen: bool = False) -> str:
    """A sentence of a kind, out of those of training or (`unseen`) of those that were kept from it."""
    while True:
        sentence = "".join(rng.choice(slot) for slot in rng.choice(PATTERNS[kind]))
        if held_out(sentence) is unseen:
            return sentence


def draw_template(rng: random.Random, kinds: Sequence[Kind], unseen: bool = False) -> str:
    """A template of one sentence for each kind, in order."""
    return " ".join(draw_sentence(rng, kind, unseen) for kind in kinds)


def parse_template(text: str) -> list[Kind | None]:
    """The kind of each sentence of a template, None for a sentence that is not in the grammar."""
    return [SENTENCES.get(sentence) for sentence in re.split(r"(?<=\.) ", text.strip()) if sentence]
