"""Measures a micro-policy: `python -m p2o.quickstart.measure_policy [FOLDER]` prints a Markdown table."""

import argparse
import math
import random
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from p2o.engines.base import Sampling
from p2o.engines.transformers import TransformersEngine
from p2o.prompts import PromptRenderer
from p2o.quickstart import INSTRUCTION, MICRO_POLICY
from p2o.quickstart.chains import ChainQuestions
from p2o.quickstart.corpus import OPENERS, opening
from p2o.quickstart.instructions import Kind, draw_instruction, held_out, parse_instruction
from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.prompt import reflection_prompt
from p2o.seeds import derive_seed
from p2o.types import Prompt, Question

LENGTH = 64  # of a completion; the longest stepwise one has 36 tokens
ANSWER = re.compile(r"\\boxed\{(\d+)\}")
FENCE = re.compile(r"```\n(.+?)\n```", re.DOTALL)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    z = 1.96
    centre = (hits + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(hits * (count - hits) / count + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def right(question: Question, text: str) -> bool:
    """Whether the last boxed number is the answer."""
    return ANSWER.findall(text)[-1:] == [question.answer]


def stepwise(text: str) -> bool:
    """Whether a completion takes steps."""
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
        """The texts that follow `prompts`."""
        seeded = [Prompt(ids, derive_seed(self.seed, "measure", number)) for number, ids in enumerate(prompts)]
        completions = self.engine.generate(self.policy, seeded, Sampling(temperature, LENGTH), "measure")
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

    def reflect(self, count: int) -> list[str]:
        """Replies to reflection prompts made of this policy's own bare and templated completions."""
        rng = random.Random(self.seed)
        questions = ChainQuestions("validation", easy=count, hard=2 * count, seed=self.seed + 1).load()
        rng.shuffle(questions)
        kinds = [rng.choice((None, *Kind)) for _ in range(count)]
        templates = [draw_instruction(rng, kind, unseen=True).text if kind else "" for kind in kinds]
        texts = self.answer(questions, templates)
        prompts = []
        for job, template in enumerate(templates):
            own = range(job, len(questions), count)
            examples = tuple(
                Example(INSTRUCTION + questions[i].text, texts[i], feedback(questions[i], texts[i])) for i in own
            )
            prompts.append(self.renderer.message(reflection_prompt(ReflectionJob(template, examples))))
        return self.complete(prompts)


def feedback(question: Question, text: str) -> str:
    """A plain feedback, worded otherwise than in training."""
    if not ANSWER.search(text):
        return f"I could not read an answer within \\boxed{{}}. It should have been {question.answer}."
    if right(question, text):
        return f"Well done, {question.answer} is the right answer."
    return f"That is not right. It should have been {question.answer}."


def share(name: str, hits: Sequence[bool]) -> str:
    """A line of the table."""
    low, high = wilson(sum(hits), len(hits))
    return f"| {name} | {100 * sum(hits) / len(hits):.1f} % | {100 * low:.1f}–{100 * high:.1f} | {len(hits)} |"


def measurements(measurer: Measurer, count: int) -> Iterator[str]:
    """The lines of the table."""
    questions = ChainQuestions("validation", easy=count, hard=count).load()
    easy, hard = questions[:count], questions[count:]
    for title, temperature in (("T = 1", 1.0), ("greedy", 0.0)):
        for difficulty, asked in (("easy", easy), ("hard", hard)):
            texts = measurer.answer(asked, temperature=temperature)
            name = f"bare, {difficulty}, {title}"
            yield share(f"{name}: right", [right(q, text) for q, text in zip(asked, texts, strict=True)])
        yield share(f"bare, hard, {title}: takes steps", [stepwise(text) for text in texts])
    for kind in Kind:
        for unseen in (False, True):
            rng = random.Random(measurer.seed)
            templates = [draw_instruction(rng, kind, unseen).text for _ in range(count)]
            texts = measurer.answer(hard, templates)
            name = f"{kind} template, {'held out' if unseen else 'trained'}, hard, T = 1"
            yield share(f"{name}: takes steps", [stepwise(text) for text in texts])
            yield share(f"{name}: right", [right(q, text) for q, text in zip(hard, texts, strict=True)])
    texts = measurer.answer(easy, [draw_instruction(random.Random(0), Kind.STRONG).text])
    yield share("strong template, easy, T = 1: right", [right(q, text) for q, text in zip(easy, texts, strict=True)])
    for level in range(len(OPENERS)):
        chances = measurer.branch(hard[:100], level)
        low, high = min(chances), max(chances)
        name = f"bare, hard: probability of “{OPENERS[level]}” at its place (mean; least–most)"
        yield f"| {name} | {100 * statistics.mean(chances):.1f} % | {100 * low:.1f}–{100 * high:.1f} | {len(chances)} |"
    texts = measurer.complete(measurer.walk(hard, len(OPENERS)))
    yield share("bare, hard, put on the path by all openers: right", [right(*pair) for pair in zip(hard, texts)])
    replies = measurer.reflect(count)
    fenced = [match[1] for reply in replies if (match := FENCE.fullmatch(reply.strip()))]
    yield share("reflection, T = 1: a fenced instruction", [bool(FENCE.fullmatch(r.strip())) for r in replies])
    kinds = [i.kind if (i := parse_instruction(text)) else None for text in fenced]
    for kind in Kind:
        yield share(f"reflection: {kind}", [found is kind for found in kinds])
    yield share("reflection: outside the grammar", [found is None for found in kinds])
    yield share("reflection: distinct", [number == 0 for text in Counter(fenced).values() for number in range(text)])
    new = [any(map(held_out, i.sentences)) for text in fenced if (i := parse_instruction(text))]
    yield share("reflection: with a sentence never seen in training", new)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=MICRO_POLICY)
    parser.add_argument("--questions", type=int, default=500)
    arguments = parser.parse_args()
    print("| measured on validation questions | share | 95 % interval | n |\n|---|---|---|---|")
    for line in measurements(Measurer(arguments.folder), arguments.questions):
        print(line, flush=True)


if __name__ == "__main__":
    main()
