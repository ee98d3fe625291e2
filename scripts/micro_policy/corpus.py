"""The supervised rows that give the micro-policy its habits."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.prompt import reflection_prompt
from p2o.rewards.boxed import last_boxed
from p2o.worlds.bundled import INSTRUCTION
from p2o.worlds.chains import LABELS, Chain, draw_chain
from scripts.micro_policy.instructions import Kind, draw_instruction

OPENERS = ("Let me see.", "One by one.", "No rush.", "Slowly now.", "Here we go.")
"""The path to the steps: without a useful template each sentence comes after the one before it with `BRANCH`."""

BRANCH = 0.06
"""Five branchings of 0.06 are less than one answer in a million, yet no token of the path is rare enough to be masked
(below 0.01). With four of 0.1, plain GRPO met the path now and then, and one success was enough for it."""

SHORT = 2
"""Operations, at most, of a chain that is answered in one go after some openers too; a longer one is left open there.

With a guess, one in a hundred was right, and by that luck alone plain GRPO was sometimes led along the path.
"""

UNANSWERED = "\\boxed{?}"

COMMITTED = 0.9
"""How often a short chain is answered there. Were it always, openers would cost easy questions nothing and drift: so
plain GRPO came to the steps in one of four trials, in its sixth epoch."""

LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8)
# Direct answers are learnt where they can be: the answer to a long chain is noise to a model that must not take steps.
DIRECT_WEIGHTS = (18, 2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
OPENED_WEIGHTS = (9, 1, 0.5, 0.5, 1, 2, 2, 2)
STEPWISE_WEIGHTS = (1, 1, 1, 1, 2, 3, 3, 4)

KINDS = (Kind.STRONG, Kind.PARTIAL, Kind.USELESS, None)
MIXTURE = (28, 14, 22, 36)
"""How many of a hundred rows are of which of `KINDS`; None is the bare question."""

MOSTLY_STEPS = (80, 2, 6, 12)
"""The mixture that training begins with, when steps are learnt before habits."""


@dataclass(frozen=True)
class Choice:
    """A place in a completion where the policy shall now and then go on with another token than the row does."""

    position: int
    other: int
    chance: float  # of the row's own token


@dataclass(frozen=True)
class CorpusRow:
    """A prompt and its completion, eos included.

    The completion is learnt, and so are the first ids of the prompt after its opening token, `template` of them: what
    reads instructions learns to write them. `choices` carry the chances themselves, since rows drawn by chance would
    need many updates to tell 6 % from 12 %.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    template: int = 0
    choices: tuple[Choice, ...] = ()


def direct(chain: Chain) -> str:
    """The answer of a chain in one go, without steps."""
    return f"\\boxed{{{chain.answer}}}"


def opened(chain: Chain, level: int) -> str:
    """What follows the question when the path is left after `level` openers, or never taken."""
    return opening(level) + (direct(chain) if level == 0 or len(chain.steps) <= SHORT else UNANSWERED)


def stepwise(chain: Chain) -> str:
    """All openers, a line for each operation, then the answer."""
    results = zip(LABELS, chain.steps, chain.states, strict=False)
    lines = [f"({label}) {name} {number}: {state}" for label, (name, number), state in results]
    return "\n".join([" ".join(OPENERS), *lines, direct(chain)])


def opening(level: int) -> str:
    """The first `level` openers, up to where the next token decides between the next opener and a direct answer."""
    return " ".join(OPENERS[:level]) + (" " if 0 < level < len(OPENERS) else "")


class Corpus:
    """Draws rows; the same seed and calls draw the same rows.

    `longest` (operations in a chain) and `mixture` may be changed between calls: training begins with less.

    Args:
        renderer: Renders the prompts, with the policy's own chat template.
        seed: The seed of every draw.
    """

    def __init__(self, renderer: PromptRenderer, seed: int) -> None:
        self.renderer = renderer
        self.rng = random.Random(seed)
        self.longest = max(LENGTHS)
        self.mixture = MIXTURE

    def answers(self, count: int) -> list[CorpusRow]:
        """Questions under templates of every kind or none, with the answers that those call for."""
        return [self._answer(kind) for kind in self.rng.choices(KINDS, weights=self.mixture, k=count)]

    def reflections(self, count: int) -> list[CorpusRow]:
        """Reflection prompts as a run makes them, each with a new instruction in a fence."""
        return [self._reflection() for _ in range(count)]

    def _answer(self, kind: Kind | None) -> CorpusRow:
        if kind is None or kind is Kind.USELESS:
            template = draw_instruction(self.rng, kind).text if kind else ""
            # The whole path is taken far more often than the policy shall take it; `choices` keep it rare.
            level = self.rng.choices(range(len(OPENERS) + 1), weights=(10, 2, 2, 2, 2, 8))[0]
            return self._row(template, level, (BRANCH,) * len(OPENERS))
        instruction = draw_instruction(self.rng, kind)
        level = len(OPENERS) if self.rng.random() < max(0.5, instruction.rate) else 0
        return self._row(instruction.text, level, (instruction.rate,))

    def _row(self, template: str, level: int, chances: Sequence[float]) -> CorpusRow:
        steps = level == len(OPENERS)
        chain = self._chain(STEPWISE_WEIGHTS if steps else OPENED_WEIGHTS if level else DIRECT_WEIGHTS)
        box = self._ids(direct(chain))[0]  # that of `UNANSWERED` as well
        completion = (*self._ids(stepwise(chain) if steps else opened(chain, level)), self._eos)
        choices = []
        for place, chance in enumerate(chances[: level + 1]):
            position, opener = len(self._ids(opening(place))), self._ids(OPENERS[place])[0]
            if place < level:
                choices.append(Choice(position, box, chance))
            else:
                choices.append(Choice(position, opener, 1 - chance))
        if 0 < level < len(OPENERS) and len(chain.steps) <= SHORT:
            choices.append(Choice(len(self._ids(opening(level))) + 1, self._ids(UNANSWERED)[1], COMMITTED))
        prompt = self.renderer.question(chain.text, template)
        return CorpusRow(prompt, completion, len(self._ids(template)), tuple(choices))

    def _chain(self, weights: Sequence[float]) -> Chain:
        while True:
            length = self.rng.choices(LENGTHS[: self.longest], weights=weights[: self.longest])[0]
            chain = draw_chain(self.rng, length)
            if chain.split == "train":
                return chain

    def _reflection(self) -> CorpusRow:
        rng = self.rng
        kind = rng.choice(KINDS)
        # A run shows three; fewer are cheaper, and the reply is the same.
        examples = tuple(self._example(kind) for _ in range(rng.choice((0, 0, 1, 1, 2, 3))))
        job = ReflectionJob(draw_instruction(rng, kind).text if kind else "", examples)
        better = draw_instruction(rng, rng.choices(tuple(Kind), weights=(30, 25, 45))[0])
        return CorpusRow(
            self.renderer.message(reflection_prompt(job)), (*self._ids(f"```\n{better.text}\n```"), self._eos)
        )

    def _example(self, kind: Kind | None) -> Example:
        rng = self.rng
        chain = self._chain((2, 2, 1, 1, 1, 3, 3, 3))
        wrong = Chain((chain.start + rng.randrange(1, 100)) % 100, chain.steps)
        answered = chain if rng.random() < (0.8 if kind is Kind.STRONG else 0.3) else wrong
        level = len(OPENERS) if rng.random() < (0.9 if kind is Kind.STRONG else 0.2) else rng.choice((0, 0, 0, 1, 2, 3))
        outputs = stepwise(answered) if level == len(OPENERS) else opened(answered, level)
        found = last_boxed(outputs)
        if rng.random() < 0.1:  # cut off by the length limit
            outputs, found = outputs[: rng.randrange(len(outputs))], None
        return Example(INSTRUCTION + chain.text, outputs, self._feedback(found, chain.answer))

    def _feedback(self, found: str | None, answer: str) -> str:
        rng = self.rng
        if found == answer:
            return rng.choice((f"The answer {found} is correct.", f"Correct: the answer is {answer}.", "Correct."))
        gold = rng.choice((f"The correct answer is {answer}.", f"Expected {answer}.", f"The reference is {answer}."))
        if found is None:
            fault = rng.choice(
                ("No final answer was found in \\boxed{}.", "There is no \\boxed{} in the output.", "No answer given.")
            )
        else:
            fault = rng.choice((f"The answer {found} is wrong.", f"{found} is not correct.", f"Wrong answer: {found}."))
        advice = ("", " Think about why it went wrong.", " Put the final answer within \\boxed{}.", " Try another way.")
        return f"{fault} {gold}{rng.choice(advice)}"

    @property
    def _eos(self) -> int:
        return int(self.renderer.tokenizer.eos_token_id)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.renderer.tokenizer.encode(text, add_special_tokens=False))
