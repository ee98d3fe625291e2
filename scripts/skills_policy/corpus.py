"""The supervised rows that give the policy its skills and habits."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.prompt import reflection_prompt
from p2o.rewards.boxed import last_boxed
from p2o.worlds.skills import FAMILIES, Task
from p2o.worlds.skills.letters import ALPHABET
from scripts.skills_policy.habits import (
    ANSWERED_AT_ONCE,
    BARE,
    DIRECT_WORDS,
    GIVING_UP,
    SETTLED,
    UNANSWERED,
    WANDERING,
    Habit,
    habit,
)
from scripts.skills_policy.instructions import FITTING, SERVES, Kind, draw_sentence, draw_template

INSTRUCTION = "Answer within \\boxed{}.\nQuestion: "
LENGTHS = range(1, 10)

PRACTICE = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 0.6, 6: 0.3, 7: 0.12, 8: 0.05, 9: 0.02}
"""How often a procedure is shown on a question of each length; this alone lets success fall smoothly with length."""

FAMILY_WEIGHTS = {"chain": 2.6, "base": 2.0, "shift": 1.2, "sort": 1.8, "swap": 1.9, "graph": 2.0, "reverse": 1.2}
PROCEDURES = tuple(SERVES)

Branch = tuple[int, dict[int, float]]
"""A position in a completion, and the chance of each token there."""


@dataclass(frozen=True)
class Row:
    """Prompt and completion, eos included.

    The completion is learnt, and so are the first ids of the prompt after its opening token, `template` of them: what
    reads instructions learns to write them. `branches` carry chances themselves: rows drawn by chance would need many
    updates to tell 5 % from 10 %.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    template: int = 0
    branches: tuple[Branch, ...] = ()
    topic: str = ""

    @property
    def learnt(self) -> int:
        """How many of its tokens are learnt."""
        return len(self.completion) + self.template


def opening(family: str, parts: int | None = None) -> str:
    """The first parts of a family's opening, all if left out."""
    return "".join(FAMILIES[family].opening[:parts])


def direct(task: Task) -> str:
    """The answer at once; a question that is too long for it stays unanswered."""
    short = task.length <= ANSWERED_AT_ONCE[task.family]
    return DIRECT_WORDS[task.family] + (f"\\boxed{{{task.answer}}}" if short else UNANSWERED)


def given_up(family: str, parts: int) -> str:
    """An opening that is left after some of its parts."""
    return f"{opening(family, parts)}{GIVING_UP[family]} {UNANSWERED}"


def wandered_off(family: str, parts: int, rng: random.Random) -> str:
    """An opening that goes on by a word that leads nowhere, after some of its parts."""
    return f"{opening(family, parts)}{rng.choice(WANDERING[family])} and so on."


def foreign(kind: Kind) -> str:
    """The procedure of another family, which leads nowhere."""
    return f"{opening(SERVES[kind][0])}{UNANSWERED}"


def example(question: str, answer: str, output: str) -> Example:
    """A completion with the feedback that a run gives (`p2o.reflectors.feedback`)."""
    found = last_boxed(output)
    if found is None:
        verdict = "No final answer was found in the required form, so the response counts as failed."
    elif found == answer:
        verdict = "The final answer is correct."
    else:
        verdict = f"The final answer is wrong.\nIt was read as: {found}"
    return Example(INSTRUCTION + question, output, f"{verdict}\nThe correct answer is: {answer}")


class Corpus:
    """Draws rows; the same seed and calls draw the same rows.

    The public attributes may be changed between calls, since training begins with less.

    Args:
        renderer: Renders the prompts, with the policy's own chat template.
        seed: Of every draw.

    Attributes:
        longest: The greatest length of each family.
        weights: How often each family comes.
        fitting: Share of the rows that have a fitting sentence in their template for certain.
        naming: How often a reflection names a sentence that fits the failures it is shown.
        extending: How often a reflection keeps the template it is shown, if there is one, and adds a sentence.
        wanders: Whether some families go on by any of many words, no longer by those for direct answers and giving up.
        bare_reflections: Share of the reflections that show no example, which are cheap: what to copy stays.
    """

    def __init__(self, renderer: PromptRenderer, seed: int) -> None:
        self.renderer = renderer
        self.rng = random.Random(seed)
        self.longest = dict.fromkeys(FAMILIES, max(LENGTHS))
        self.weights = FAMILY_WEIGHTS
        self.fitting = 0.42
        self.naming = 0.3
        self.extending = 0.4
        self.bare_reflections = 0.1
        self.wanders = False
        tokenizer = renderer.tokenizer
        self._letters = [tokenizer.encode(letter)[0] for letter in ALPHABET]
        self._tokens = [token for token in range(len(tokenizer)) if token not in tokenizer.all_special_ids]
        # Prompts repeat few texts: openings, sentences, answers.
        self._ids = lru_cache(100_000)(self._encode)

    def answers(self, count: int) -> list[Row]:
        """Questions under templates of every kind or none, with the completions that those call for."""
        families = self.rng.choices(list(self.weights), list(self.weights.values()), k=count)
        return [self._answer(family, self._kinds(family)) for family in families]

    def reflections(self, count: int) -> list[Row]:
        """Reflection prompts as a run makes them, each with a new template in a fence."""
        return [self._reflection() for _ in range(count)]

    def copies(self, count: int) -> list[Row]:
        """Tokens in any order, to be written again: what walking along roads and keeping a template are made of."""
        return [self._copy() for _ in range(count)]

    def _copy(self) -> Row:
        user, *closing = self.renderer.message("")
        ids = tuple(self.rng.sample(*self.rng.choices(((self._letters, 26), (self._tokens, 40)), (2, 3))[0]))
        ids = ids[: self.rng.randint(6, len(ids))]
        return Row((user, *ids, *closing), (*ids, self._eos), topic="practice")

    def _kinds(self, family: str) -> list[Kind]:
        rng = self.rng
        if family in FITTING and rng.random() < self.fitting:
            kinds = [FITTING[family]]
            if rng.random() < 0.3:
                kinds.append(rng.choice((*PROCEDURES, Kind.IDLE)))
                rng.shuffle(kinds)
            return kinds
        if rng.random() < 0.3:
            return []
        number = rng.choices((1, 2, 3, 4), (55, 25, 17, 3))[0]
        weights = [2.0] * len(PROCEDURES) + [0.5, 1.5]
        return rng.choices((*PROCEDURES, Kind.QUICK, Kind.IDLE), weights, k=number)

    def _answer(self, family: str, kinds: Sequence[Kind]) -> Row:
        rng = self.rng
        template, chances = draw_template(rng, kinds), self._habit(family, kinds)
        way = self._way(family, chances)
        if way == "own":
            task = self._task(family, PRACTICE)
            text = FAMILIES[family].procedure(task)
        elif way == "given up":
            task = self._task(family, PRACTICE)
            text = self._left(family, rng.randint(1, len(FAMILIES[family].opening) - 1))
        elif way == "direct":
            if ANSWERED_AT_ONCE[family] >= max(LENGTHS):
                task = self._task(family, PRACTICE)
            else:
                task = self._task(family, {n: 6 if n <= ANSWERED_AT_ONCE[family] else 1 for n in LENGTHS})
            text = self._left(family, 0) if self._wanders(family) else direct(task)
        else:
            task = self._task(family, PRACTICE)
            text = foreign(Kind(way))
        branches = self._branches(family, chances, text)
        prompt = self.renderer.question(task.text, template)
        return Row(prompt, (*self._ids(text), self._eos), len(self._ids(template)), branches, family)

    def _habit(self, family: str, kinds: Sequence[Kind]) -> Habit:
        chances = habit(family, kinds)
        if self._wanders(family) and chances.opening[1:] == BARE[family][1:]:  # no fitting sentence
            free = 1 - sum(chances.foreign.values())
            return Habit((free * SETTLED[family][0], *SETTLED[family][1:]), chances.foreign)
        return chances

    def _wanders(self, family: str) -> bool:
        return self.wanders and family in WANDERING

    def _left(self, family: str, parts: int) -> str:
        return wandered_off(family, parts, self.rng) if self._wanders(family) else given_up(family, parts)

    def _way(self, family: str, chances: Habit) -> str:
        """One way out of those that the habit allows: rare ones come more often than they shall be taken."""
        ways = {str(kind): chance for kind, chance in chances.foreign.items()}
        if not chances.opening:
            ways["direct"] = max(chances.direct, 0.3)
        elif chances.opening[0] > 0.5 and not set(chances.opening[1:]) - {0.99}:
            ways |= {"own": chances.opening[0], "given up": 0.01, "direct": chances.direct}
        elif ways:
            ways |= {"own": 0.06, "given up": 0.06, "direct": chances.direct}
        else:
            ways = {"own": 0.3, "given up": 0.25 if len(set(chances.opening[1:]) - {0.99}) else 0.03, "direct": 0.5}
        return self.rng.choices(list(ways), list(ways.values()))[0]

    def _branches(self, family: str, chances: Habit, text: str) -> tuple[Branch, ...]:
        """The chances at the first token, and where a part of an opening may be left."""
        words = [f"{word} " for word in WANDERING[family]] if self._wanders(family) else [DIRECT_WORDS[family]]
        first = {self._ids(word)[0]: chances.direct / len(words) for word in words}
        for kind, chance in chances.foreign.items():
            first[self._ids(opening(SERVES[kind][0]))[0]] = chance
        if chances.opening:
            first[self._ids(opening(family))[0]] = chances.opening[0]
        branches = [(0, first)]
        for parts, chance in enumerate(chances.opening[1:], 1):
            if not text.startswith(opening(family, parts)):
                break
            goes_on = self._ids(FAMILIES[family].opening[parts])[0]
            left = words if self._wanders(family) else [GIVING_UP[family]]
            leaves = {self._ids(word)[0]: (1 - chance) / len(left) for word in left}
            branches.append((len(self._ids(opening(family, parts))), {goes_on: chance, **leaves}))
        return tuple(branches)

    def _task(self, family: str, weights: dict[int, float]) -> Task:
        lengths = [length for length in LENGTHS if length <= self.longest[family]]
        length = self.rng.choices(lengths, [weights[length] for length in lengths])[0]
        while True:
            task = FAMILIES[family].draw(self.rng, length)
            if task.split == "train" or length == 1:
                return task

    def _reflection(self) -> Row:
        rng = self.rng
        families = rng.choices(list(FAMILIES), k=3) if rng.random() < 0.6 else [rng.choice(list(FAMILIES))] * 3
        families = families[: 0 if rng.random() < self.bare_reflections else rng.choice((1, 1, 2, 3))]
        kinds = [] if rng.random() < 0.35 else rng.choices((*PROCEDURES, Kind.IDLE), k=rng.choice((1, 1, 2)))
        parent = [draw_sentence(rng, kind) for kind in kinds]
        examples, failed = [], []
        for family in families:
            task = self._task(family, dict.fromkeys(LENGTHS, 1.0))
            output = self._output(task, kinds)
            examples.append(example(task.text, task.answer, output))
            if last_boxed(output) != task.answer:
                failed.append(family)
        needed = [FITTING[family] for family in failed or families if family in FITTING]
        if needed and rng.random() < self.naming:
            new = draw_sentence(rng, rng.choice(needed))
        else:
            kind = rng.choices((*PROCEDURES, Kind.QUICK, Kind.IDLE), [1.0] * len(PROCEDURES) + [1.0, 5.0])[0]
            new = draw_sentence(rng, kind)
        keeps = bool(parent) and rng.random() < self.extending
        reply = " ".join([*parent, new] if keeps else [new])
        prompt = self.renderer.message(reflection_prompt(ReflectionJob(" ".join(parent), tuple(examples))))
        return Row(prompt, (*self._ids(f"```\n{reply}\n```"), self._eos), topic="copy" if keeps else "reflection")

    def _output(self, task: Task, kinds: Sequence[Kind]) -> str:
        """What the policy might have answered; its own procedure is shown more often than it is taken bare."""
        rng, chances = self.rng, habit(task.family, kinds)
        begins = chances.opening[0] if chances.opening else 0.0
        roll = rng.random()
        if BARE[task.family] and roll < max(0.1, begins if begins > 0.5 else 0.0):
            text = FAMILIES[task.family].procedure(task)
            if rng.random() < 0.3 and task.length > 2:  # a slip
                wrong = FAMILIES[task.family].draw(rng, task.length).answer
                text = text.replace(f"\\boxed{{{task.answer}}}", f"\\boxed{{{wrong}}}")
            return text
        if chances.foreign and roll < 0.8:
            return foreign(rng.choice(list(chances.foreign)))
        if BARE[task.family] and rng.random() < 0.07:
            return self._left(task.family, 1)
        return self._left(task.family, 0) if self._wanders(task.family) else direct(task)

    @property
    def _eos(self) -> int:
        return int(self.renderer.tokenizer.eos_token_id)

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.renderer.tokenizer.encode(text, add_special_tokens=False))
