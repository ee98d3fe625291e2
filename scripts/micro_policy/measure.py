"""Measures a micro-policy: `python -m scripts.micro_policy.measure [FOLDER]` prints a Markdown table."""

import argparse
import itertools
import math
import random
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from p2o.engines.base import SamplingParams
from p2o.engines.transformers import TransformersEngine
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Example, Proposal, ReflectionJob
from p2o.reflectors.parsing import parse_reply
from p2o.reflectors.prompt import reflection_prompt
from p2o.rewards.boxed import last_boxed
from p2o.seeds import derive_seed
from p2o.types import Prompt, Question
from p2o.worlds.bundled import INSTRUCTION, MICRO_POLICY
from p2o.worlds.chains import ChainQuestions, short_chains
from scripts.micro_policy.corpus import OPENERS, opening
from scripts.micro_policy.instructions import Kind, draw_instruction, held_out, parse_instruction

LENGTH = 64  # of a completion; the longest stepwise one has 51 tokens, a reply of two sentences 40


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    z = 1.96
    centre = (hits + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(hits * (count - hits) / count + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def right(question: Question, text: str) -> bool:
    """Whether the last boxed number is the answer."""
    return last_boxed(text) == question.answer


def stepwise(text: str) -> bool:
    """Whether a completion works through the chain step by step."""
    return "\n(a) " in text


class Measurer:
    """Asks a policy.

    Args:
        folder: Of the policy.
        seed: Of every completion and every drawn instruction.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.policy: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.renderer = PromptRenderer(AutoTokenizer.from_pretrained(folder), INSTRUCTION)
        self.engine = TransformersEngine()
        self.seed = seed

    def complete(self, prompts: Sequence[tuple[int, ...]], temperature: float = 1.0) -> list[str]:
        """Samples the texts that follow `prompts`."""
        seeded = [Prompt(ids, derive_seed(self.seed, "measure", number)) for number, ids in enumerate(prompts)]
        completions = self.engine.generate(self.policy, seeded, SamplingParams(temperature, LENGTH), "measure")
        return [self.renderer.decode(completion.ids) for completion in completions]

    def answer(
        self, questions: Sequence[Question], templates: Sequence[str] = ("",), temperature: float = 1.0
    ) -> list[str]:
        """One completion for each question; the templates take turns."""
        prompts = [self.renderer.question(q.text, templates[i % len(templates)]) for i, q in enumerate(questions)]
        return self.complete(prompts, temperature)

    def walk(self, questions: Sequence[Question], level: int, template: str = "") -> list[tuple[int, ...]]:
        """Prompts that end after the first `level` openers."""
        opened = tuple(self.renderer.tokenizer.encode(opening(level), add_special_tokens=False))
        return [self.renderer.question(question.text, template) + opened for question in questions]

    @torch.no_grad()
    def branch(self, questions: Sequence[Question], level: int, template: str = "") -> list[float]:
        """For each question, the probability that the opener after `level` openers begins."""
        token = self.renderer.tokenizer.encode(OPENERS[level], add_special_tokens=False)[0]
        prompts = self.walk(questions, level, template)
        return [self.policy(torch.tensor([ids])).logits[0, -1].softmax(-1)[token].item() for ids in prompts]

    def reflect(self, count: int) -> list[Proposal]:
        """What this policy proposes, shown its own completions of an easy and two hard questions under a template."""
        rng = random.Random(self.seed)
        hard = ChainQuestions("validation", easy=0, hard=2 * count, seed=self.seed + 1).load()
        easy = rng.choices(easy_questions(), k=count)
        kinds = [rng.choice((None, *Kind)) for _ in range(count)]
        templates = [draw_instruction(rng, kind, unseen=True).text if kind else "" for kind in kinds]
        questions = [*easy, *hard]
        examples = [example(*pair) for pair in zip(questions, self.answer(questions, templates), strict=True)]
        jobs = [ReflectionJob(templates[job], tuple(examples[job::count])) for job in range(count)]
        replies = self.complete([self.renderer.message(reflection_prompt(job)) for job in jobs])
        return [parse_reply(reply) for reply in replies]


def easy_questions() -> list[Question]:
    """Loads every easy validation question there is."""
    return ChainQuestions("validation", easy=len(short_chains("validation")), hard=0).load()


def example(question: Question, text: str) -> Example:
    """A completion with the feedback that a run gives (`p2o.reflectors.feedback`); no such wording was trained on."""
    answer = last_boxed(text)
    if answer is None:
        verdict = "No final answer was found in the required form, so the response counts as failed."
    elif answer == question.answer:
        verdict = "The final answer is correct."
    else:
        verdict = f"The final answer is wrong.\nIt was read as: {answer}"
    return Example(INSTRUCTION + question.text, text, f"{verdict}\nThe correct answer is: {question.answer}")


def share(name: str, hits: Sequence[bool]) -> str:
    """A share of the table, with its 95 % interval."""
    low, high = wilson(sum(hits), len(hits))
    return f"| {name} | {100 * sum(hits) / len(hits):.1f} % | {100 * low:.1f}–{100 * high:.1f} | {len(hits)} |"


def accuracy(name: str, questions: Sequence[Question], texts: Sequence[str]) -> str:
    """A line of the table: how many of the answers are right."""
    return share(f"{name}: right", [right(*pair) for pair in zip(questions, texts, strict=True)])


def bare(measurer: Measurer, easy: Sequence[Question], hard: Sequence[Question]) -> Iterator[str]:
    """Measures the policy without a template."""
    for title, temperature in (("T = 1", 1.0), ("greedy", 0.0)):
        yield accuracy(f"bare, easy, {title}", easy, measurer.answer(easy, temperature=temperature))
        texts = measurer.answer(hard, temperature=temperature)
        yield accuracy(f"bare, hard, {title}", hard, texts)
        yield share(f"bare, hard, {title}: takes steps", [stepwise(text) for text in texts])


def templated(measurer: Measurer, hard: Sequence[Question]) -> Iterator[str]:
    """Under templates of every kind, with sentences from training or kept from it."""
    for kind, unseen in itertools.product(Kind, (False, True)):
        rng = random.Random(measurer.seed)
        templates = [draw_instruction(rng, kind, unseen).text for _ in hard]
        texts = measurer.answer(hard, templates)
        name = f"{kind} template, {'held out' if unseen else 'trained'}, hard, T = 1"
        yield share(f"{name}: takes steps", [stepwise(text) for text in texts])
        yield accuracy(name, hard, texts)


def path(measurer: Measurer, hard: Sequence[Question]) -> Iterator[str]:
    """Measures how likely the policy goes along the openers, without a template."""
    for level, opener in enumerate(OPENERS):
        chances = measurer.branch(hard[:100], level)
        mean, spread = 100 * statistics.mean(chances), f"{100 * min(chances):.1f}–{100 * max(chances):.1f} (least–most)"
        yield f"| bare, hard: probability of “{opener}” in its place | {mean:.1f} % | {spread} | {len(chances)} |"
    for difficulty, questions in (("hard", hard), ("easy", easy_questions())):
        left = [
            right(question, text)
            for level in range(1, len(OPENERS))
            for question, text in zip(questions, measurer.complete(measurer.walk(questions, level)), strict=True)
            if not stepwise(text)
        ]
        yield share(f"bare, {difficulty}, one to four openers given, no steps taken, T = 1: right", left)
    yield accuracy("bare, hard, all openers given, T = 1", hard, measurer.complete(measurer.walk(hard, len(OPENERS))))


def reflection(measurer: Measurer, count: int) -> Iterator[str]:
    """Measures the policy as its own reflector."""
    proposals = measurer.reflect(count)
    texts = [proposal.template for proposal in proposals if proposal.template]
    yield share("reflection, T = 1: an instruction in a fence", [bool(proposal.template) for proposal in proposals])
    instructions = [parse_instruction(text) for text in texts]
    for kind in Kind:
        yield share(f"reflection: {kind}", [found is not None and found.kind is kind for found in instructions])
    yield share("reflection: a sentence outside the grammar", [found is None for found in instructions])
    new = [found is not None and any(map(held_out, found.sentences)) for found in instructions]
    yield share("reflection: a sentence of the grammar never seen in training", new)
    yield f"| reflection: distinct instructions | {len(set(texts))} | | {len(texts)} |"


def lengths(measurer: Measurer, hard: Sequence[Question]) -> Iterator[str]:
    """Measures how many tokens prompts and completions have."""
    rng = random.Random(measurer.seed)
    templates = [draw_instruction(rng, Kind.STRONG).text for _ in hard]
    renderer = measurer.renderer
    prompts = [len(renderer.question(question.text)) for question in hard]
    completions = [len(renderer.tokenizer.encode(text)) + 1 for text in measurer.answer(hard, templates)]
    yield f"| tokens: bare prompt, hard (mean; most) | {statistics.mean(prompts):.0f}; {max(prompts)} | | {len(hard)} |"
    name = "tokens: completion under a strong template, hard (mean; most)"
    yield f"| {name} | {statistics.mean(completions):.0f}; {max(completions)} | | {len(hard)} |"


def main() -> None:
    """Reads the command line, and prints the table of the data card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=MICRO_POLICY)
    parser.add_argument("--questions", type=int, default=500)
    arguments = parser.parse_args()
    print("| measured on validation questions | share | 95 % interval | n |\n|---|---|---|---|")
    measurer = Measurer(arguments.folder)
    easy, hard = easy_questions(), ChainQuestions("validation", easy=0, hard=arguments.questions).load()
    parts = (
        bare(measurer, easy, hard),
        templated(measurer, hard),
        path(measurer, hard),
        reflection(measurer, arguments.questions),
        lengths(measurer, hard),
    )
    for line in itertools.chain(*parts):
        print(line, flush=True)


if __name__ == "__main__":
    main()
