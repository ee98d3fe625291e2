"""A small grammar of templates: some make the micro-policy reason step by step, some now and then, some never."""

import hashlib
import itertools
import random
import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How useful an instruction is to the micro-policy."""

    STRONG = "strong"
    PARTIAL = "partial"
    USELESS = "useless"


@dataclass(frozen=True)
class Pattern:
    """Sentences of one pattern: a choice from every slot, and the share of answers that take steps."""

    rate: float
    slots: tuple[tuple[str, ...], ...]

    @property
    def kind(self) -> Kind:
        """The usefulness that the rate amounts to."""
        return Kind.STRONG if self.rate > 0.9 else Kind.PARTIAL if self.rate > 0 else Kind.USELESS

    def sentences(self) -> list[str]:
        """All sentences that the pattern can make."""
        return ["".join(choice) for choice in itertools.product(*self.slots)]


ALWAYS, OFTEN, SELDOM, NEVER = 0.985, 0.6, 0.3, 0.0

PATTERNS = (
    Pattern(
        ALWAYS,
        (
            ("Work", "Go", "Please work", "Please go", "Always go", "Move"),
            (" through the operations", " through the question", " through the chain", " from start to end"),
            (" step by step.", " one step at a time.", " in order, one by one.", " line by line."),
        ),
    ),
    Pattern(
        ALWAYS,
        (
            ("Write", "Note", "Give", "Keep track of", "Write down"),
            (" the running result", " the running value", " the value", " the intermediate result"),
            (" after each operation.", " after every operation.", " after each step.", " after every letter."),
        ),
    ),
    Pattern(
        ALWAYS,
        (
            ("Solve", "Do", "Carry out", "Apply", "Compute"),
            (" the operations", " all operations", " (a), (b) and so on"),
            (" one at a time", " one after the other", " in turn"),
            (", modulo 100.", ", with a line for each.", "."),
        ),
    ),
    Pattern(
        OFTEN,
        (
            ("Show", "Explain", "Write down", "Include", "Present"),
            (" your work", " your reasoning", " your calculation", " how you got there"),
            (".", " before the answer.", " in full."),
        ),
    ),
    Pattern(
        SELDOM,
        (
            ("Think", "Reason", "Think about it", "Work", "Proceed"),
            (" carefully", " slowly", " hard", " patiently"),
            (".", " before you answer.", " about the question."),
        ),
    ),
    Pattern(
        NEVER,
        (
            ("Be", "Always be", "Please be"),
            (" concise", " brief", " accurate", " polite", " confident", " precise"),
            (".", " and clear.", " in your answer."),
        ),
    ),
    Pattern(
        NEVER,
        (
            ("Check", "Double check", "Mind", "Remember", "Look at", "Do not forget"),
            (" the sign", " the start", " the last digit", " the brackets", " the modulus"),
            (".", " again.", " of the result."),
        ),
    ),
    Pattern(
        NEVER,
        (
            ("The answer", "The result", "The final result"),
            (" is", " must be", " has to be"),
            (" a whole number", " a number from 0 to 99", " the last two digits"),
            (".", " modulo 100.", " within \\boxed{}."),
        ),
    ),
    Pattern(
        NEVER,
        (
            ("You are", "Answer as", "Imagine you are"),
            (" a helpful assistant.", " an expert in arithmetic.", " a good student.", " a teacher of mathematics."),
        ),
    ),
)

SENTENCES: dict[str, Pattern] = {sentence: pattern for pattern in PATTERNS for sentence in pattern.sentences()}


def held_out(sentence: str) -> bool:
    """Whether the sentence is kept from training: one in six, by its text alone."""
    return hashlib.blake2b(sentence.encode(), digest_size=8).digest()[0] % 6 == 0


@dataclass(frozen=True)
class Instruction:
    """A template of one or two sentences; its best sentence decides how often the policy takes steps."""

    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The instruction as the text of a template."""
        return " ".join(self.sentences)

    @property
    def rate(self) -> float:
        """The share of answers that should take steps."""
        return max(SENTENCES[sentence].rate for sentence in self.sentences)

    @property
    def kind(self) -> Kind:
        """How useful the instruction is: as useful as its best sentence."""
        return max((SENTENCES[sentence] for sentence in self.sentences), key=lambda pattern: pattern.rate).kind


def draw_instruction(rng: random.Random, kind: Kind, unseen: bool = False) -> Instruction:
    """An instruction of `kind`, alone or (one in three) beside a useless sentence; `unseen` ones are held out."""
    sentences = [_draw_sentence(rng, kind, unseen)]
    if rng.random() < 1 / 3:
        sentences.insert(rng.randrange(2), _draw_sentence(rng, Kind.USELESS, unseen))
    return Instruction(tuple(sentences))


def _draw_sentence(rng: random.Random, kind: Kind, unseen: bool) -> str:
    patterns = [pattern for pattern in PATTERNS if pattern.kind is kind]
    while True:
        sentence = "".join(rng.choice(slot) for slot in rng.choice(patterns).slots)
        if held_out(sentence) is unseen:
            return sentence


def parse_instruction(text: str) -> Instruction | None:
    """The instruction that `text` spells, or None if a sentence of it is not in the grammar."""
    sentences = tuple(re.split(r"(?<=\.) ", text.strip()))
    return Instruction(sentences) if all(sentence in SENTENCES for sentence in sentences) else None
