"""Measures the policy of the world of skills: `python -m scripts.skills_policy.measure [FOLDER]` prints Markdown."""

import argparse
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from p2o.engines.base import SamplingParams
from p2o.engines.transformers import TransformersEngine
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import ReflectionJob
from p2o.reflectors.parsing import parse_reply
from p2o.reflectors.prompt import reflection_prompt
from p2o.rewards.boxed import last_boxed
from p2o.seeds import derive_seed
from p2o.types import Prompt, Question
from p2o.worlds.bundled import SKILLS_POLICY
from p2o.worlds.skills import FAMILIES, Process, SkillQuestions, read_process
from p2o.worlds.skills.families import read_task
from scripts.skills_policy.corpus import INSTRUCTION, example, opening
from scripts.skills_policy.instructions import FITTING, SERVES, Kind, draw_sentence, draw_template, parse_template

LENGTHS = range(4, 10)
COMPLETION_LENGTH = 96
Templates = Callable[[random.Random, str], str]
"""Draws a template for a question of a family."""


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    z = 1.96
    centre = (hits + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(hits * (count - hits) / count + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def share(name: str, hits: Sequence[bool]) -> str:
    """A line of a table."""
    low, high = wilson(sum(hits), len(hits))
    return f"| {name} | {100 * sum(hits) / len(hits):.1f} % | {100 * low:.1f}–{100 * high:.1f} | {len(hits)} |"


def right(question: Question, text: str) -> bool:
    """Whether the last box spells the answer."""
    return last_boxed(text) == question.answer


def way(question: Question, text: str) -> Process:
    """The way of a completion."""
    task = read_task(question.text)
    assert task
    return read_process(task, text).process


class Measurer:
    """Asks a policy.

    Args:
        folder: Of the policy.
        seed: Of every completion and every drawn template.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.policy: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.renderer = PromptRenderer(AutoTokenizer.from_pretrained(folder), INSTRUCTION)
        self.engine = TransformersEngine()
        self.seed = seed

    def complete(self, prompts: Sequence[tuple[int, ...]], temperature: float = 1.0) -> list[str]:
        """The texts that follow `prompts`."""
        seeded = [Prompt(ids, derive_seed(self.seed, "measure", number)) for number, ids in enumerate(prompts)]
        sampling, texts = SamplingParams(temperature, COMPLETION_LENGTH), []
        for start in range(0, len(seeded), 1000):
            completions = self.engine.generate(self.policy, seeded[start : start + 1000], sampling, "measure")
            texts += [self.renderer.decode(completion.ids) for completion in completions]
        return texts

    def answer(self, asked: Sequence[tuple[Question, str]], temperature: float = 1.0) -> list[str]:
        """One completion for each question under its template."""
        return self.complete([self.renderer.question(q.text, template) for q, template in asked], temperature)

    @torch.no_grad()
    def branches(self, family: str, questions: Sequence[Question]) -> list[list[float]]:
        """For each question the bare chance of every part of the opening, after the parts before it."""
        parts = [self.renderer.tokenizer.encode(part, add_special_tokens=False) for part in FAMILIES[family].opening]
        begun = [token for part in parts for token in part]
        chances = []
        for question in questions:
            prompt = self.renderer.question(question.text)
            found = self.policy(torch.tensor([[*prompt, *begun]])).logits[0].softmax(-1)
            places = [len(prompt) + sum(map(len, parts[:number])) for number in range(len(parts))]
            chances.append([found[place - 1, part[0]].item() for place, part in zip(places, parts, strict=True)])
        return chances


def validation(count: int, family: str | None = None, seed: int = 0) -> list[Question]:
    """Validation questions of one family or of each, with lengths from four to nine."""
    return SkillQuestions("validation", count, [family] if family else None, seed=seed).load()


def fitting(others: int = 0, unseen: bool = False, with_own: bool = True, idle: int = 0) -> Templates:
    """Templates with the sentence that a family needs, beside sentences for other families, in any order."""

    def draw(rng: random.Random, family: str) -> str:
        own = FITTING.get(family)
        kinds = rng.sample([kind for kind in SERVES if kind is not own], others) + [Kind.IDLE] * idle
        if with_own and own:
            kinds.append(own)
        rng.shuffle(kinds)
        return draw_template(rng, kinds, unseen)

    return draw


CONDITIONS: dict[str, Templates] = {
    "bare": lambda rng, family: "",
    "a fitting sentence": fitting(),
    "a fitting sentence, held out": fitting(unseen=True),
    "fitting and an idle one": fitting(idle=1),
    "fitting and one for others": fitting(others=1),
    "fitting and two for others": fitting(others=2),
    "one for others": fitting(others=1, with_own=False),
    "an idle one": lambda rng, family: draw_sentence(rng, Kind.IDLE),
    "“at once”": lambda rng, family: draw_sentence(rng, Kind.QUICK),
}


def conditions(measurer: Measurer, count: int) -> Iterator[str]:
    """How often each family is solved under templates of every kind."""
    yield "| family, template, temperature | right | 95 % interval | n |\n|---|---|---|---|"
    ways: dict[str, Counter[Process]] = {}
    lengths: dict[str, dict[int, list[bool]]] = {}
    for family in FAMILIES:
        questions = validation(count, family)
        for name, draw in CONDITIONS.items():
            if "fitting" in name and family not in FITTING:
                continue
            rng = random.Random(derive_seed(measurer.seed, name))
            asked = [(question, draw(rng, family)) for question in questions]
            for temperature in (1.0, 0.0):
                if temperature == 0 and name not in ("bare", "a fitting sentence", "fitting and two for others"):
                    continue
                texts = measurer.answer(asked, temperature)
                hits = [right(*pair) for pair in zip(questions, texts, strict=True)]
                yield share(f"{family}, {name}, {'T = 1' if temperature else 'greedy'}", hits)
                if temperature and name == ("a fitting sentence" if family in FITTING else "bare"):
                    ways[family] = Counter(way(*pair) for pair in zip(questions, texts, strict=True))
                    for question, hit in zip(questions, hits, strict=True):
                        length = int(question.id.split("-")[2])
                        lengths.setdefault(family, {}).setdefault(length, []).append(hit)
    yield (
        "\n| right under a fitting sentence (reverse: bare), T = 1, by length | " + " | ".join(map(str, LENGTHS)) + " |"
    )
    yield "|---" * (1 + len(LENGTHS)) + "|"
    for family, cells in lengths.items():
        rates = " | ".join(f"{sum(hits) / len(hits):.2f}" for _, hits in sorted(cells.items()))
        yield f"| {family} ({len(next(iter(cells.values())))} a cell) | {rates} |"
    yield "\n| way under a fitting sentence (reverse: bare), T = 1 | " + " | ".join(Process) + " |"
    yield "|---" * (1 + len(Process)) + "|"
    for family, found in ways.items():
        yield f"| {family} | " + " | ".join(f"{found[process] / found.total():.2f}" for process in Process) + " |"


def entries(measurer: Measurer, count: int) -> Iterator[str]:
    """The chances along each opening without a template."""
    yield "\n| bare chance along the opening | parts (least–most) | entry | n |\n|---|---|---|---|"
    for family in FITTING:
        chances = measurer.branches(family, validation(count, family))
        parts = ", ".join(
            f"{statistics.mean(part):.3f} ({min(part):.3f}–{max(part):.3f})" for part in zip(*chances, strict=True)
        )
        entry = statistics.mean(math.prod(path) for path in chances)
        yield f"| {family}: {opening(family).strip()} | {parts} | {entry:.2g} | {len(chances)} |"


def pool(measurer: Measurer, count: int, templates: int = 40, samples: int = 4) -> Iterator[str]:
    """One template against the best sets out of a random pool, each question tried several times."""
    yield "\n| out of a pool of 40 random templates | solved | | n |\n|---|---|---|---|"
    rng, questions = random.Random(measurer.seed), validation(count)
    drawn = [
        draw_template(
            rng, rng.choices(list(Kind), [2.0] * len(SERVES) + [0.5, 2], k=rng.choices((1, 2, 3), (50, 35, 15))[0])
        )
        for _ in range(templates)
    ]
    for temperature, tries in ((1.0, samples), (0.0, 1)):
        asked = [(question, template) for template in drawn for question in questions for _ in range(tries)]
        texts = iter(measurer.answer(asked, temperature))
        rates = [[sum(right(q, next(texts)) for _ in range(tries)) / tries for q in questions] for _ in drawn]
        chosen: list[int] = []
        reached: list[float] = []
        for _ in range(5):
            best, mean = max(
                (
                    (number, statistics.mean(map(max, zip(*(rates[i] for i in (*chosen, number)), strict=True))))
                    for number in range(templates)
                ),
                key=lambda pair: pair[1],
            )
            chosen.append(best)
            reached.append(mean)
        title = "T = 1" if temperature else "greedy"
        for size, mean in enumerate(reached, 1):
            kinds = "; ".join(
                "+".join(str(kind) for kind in parse_template(drawn[number])) for number in chosen[:size][-1:]
            )
            yield f"| {title}: best {size} ({kinds} added) | {100 * mean:.1f} % | | {len(questions)} |"
        uncovered, cover = {i for i in range(len(questions)) if any(row[i] > 0 for row in rates)}, 0
        while uncovered:
            row = max(rates, key=lambda row: sum(row[i] > 0 for i in uncovered))
            uncovered, cover = {i for i in uncovered if not row[i]}, cover + 1
        yield f"| {title}: best single over best five | {reached[0] / reached[-1]:.2f} | | {len(questions)} |"
        yield f"| {title}: templates of the greedy cover | {cover} | | {len(questions)} |"


def reflection(measurer: Measurer, count: int) -> Iterator[str]:
    """As its own reflector, shown three of its own failures of a family."""
    yield "\n| reflection on three failures of one family, T = 1 | share | 95 % interval | n |\n|---|---|---|---|"
    foreign_names: list[bool] = []
    for parented in (False, True):
        added: list[bool] = []
        useful: list[bool] = []
        for family in FAMILIES:
            rng = random.Random(derive_seed(measurer.seed, family, "reflection"))
            own = FITTING.get(family)
            needless = [kind for kind in SERVES if kind is not own]
            parents = [draw_sentence(rng, rng.choice(needless)) if parented else "" for _ in range(count)]
            asked = [(q, parents[i % count]) for i, q in enumerate(validation(6 * count, family, seed=1))]
            failures: list[list[tuple[Question, str]]] = [[] for _ in range(count)]
            for i, ((question, _), text) in enumerate(zip(asked, measurer.answer(asked), strict=True)):
                if not right(question, text) and len(failures[i % count]) < 3:
                    failures[i % count].append((question, text))
            shown = [(parent, found) for parent, found in zip(parents, failures, strict=True) if len(found) == 3]
            jobs = [
                ReflectionJob(parent, tuple(example(q.text, q.answer, text) for q, text in found))
                for parent, found in shown
            ]
            replies = measurer.complete([measurer.renderer.message(reflection_prompt(job)) for job in jobs])
            texts = [parse_reply(reply).template for reply in replies]
            kinds = [parse_template(text) for text in texts]
            title = "a foreign parent" if parented else "no parent"
            if own:
                yield share(f"{family}, {title}: names a fitting sentence", [own in found for found in kinds])
            if not parented:
                other = Counter(kind for found in kinds for kind in found if kind in needless)
                most, times = other.most_common(1)[0]
                rate = 100 * times / len(kinds)
                yield f"| {family}, no parent: most frequent other, {most} | {rate:.1f} % | | {len(kinds)} |"
                foreign_names += [kind in found for found in kinds for kind in needless]
            yield share(f"{family}, {title}: in the grammar", [bool(found) and None not in found for found in kinds])
            if parented:
                extends = [
                    text.startswith(parent) and text != parent for (parent, _), text in zip(shown, texts, strict=True)
                ]
                added += extends
                useful += [own in found[1:] for found, extended in zip(kinds, extends, strict=True) if extended and own]
        if parented:
            yield share("all, a foreign parent: keeps it and adds a sentence", added)
            if useful:
                yield share("of these: the added sentence fits", useful)
    yield share("any one procedure that does not fit is named (no parent)", foreign_names)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=SKILLS_POLICY)
    parser.add_argument("--questions", type=int, default=240, help="of each family, under each template")
    parser.add_argument("--reflections", type=int, default=120, help="of each family")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    measurer = Measurer(arguments.folder)
    parts = (
        conditions(measurer, arguments.questions),
        entries(measurer, min(60, arguments.questions)),
        pool(measurer, max(2, arguments.questions // 20)),
        reflection(measurer, arguments.reflections),
    )
    for part in parts:
        for line in part:
            print(line, flush=True)


if __name__ == "__main__":
    main()
