r"""How fast MathAnswer grades: `python benchmarks/reward.py FILE.jsonl [--step SECONDS]`.

FILE has questions with an `answer`, such as DeepMath's. For each of 128 questions drawn from it, six completions
of a few thousand characters are made up: half have the gold answer in their box, as it stands or with blanks, `\dfrac`
and a unit; half have the answer of another question. That is one rollout batch of the paper, K = 6 × 128. A new batch
is drawn for each repetition, so that no verdict is there already. With --step, the share of a training step of so many
seconds is printed: take it from `epoch_seconds` of a run's summary.json, divided by its steps.
"""

import argparse
import os
import platform
import random
import statistics
import time
from pathlib import Path

from p2o.questions.benchmarks import questions_of
from p2o.rewards import GradingInput, MathAnswer
from p2o.rewards.boxed import unbox
from p2o.types import Outcome, Question

QUESTIONS, K = 128, 6
THOUGHT = "First we look at what is given: $x^2 + 1 = \\frac{a}{b}$ and {so} on. "


def completion(rng: random.Random, gold: str, others: list[str]) -> str:
    """A made-up completion, right half of the time."""
    answer = unbox(gold)
    match rng.randrange(6):
        case 0 | 1:
            pass
        case 2:
            answer = f" {answer.replace('frac', 'dfrac')}\\text{{ cm}} "
        case _:
            answer = unbox(rng.choice(others))
    return THOUGHT * rng.randrange(10, 60) + f"Therefore \\boxed{{{answer}}}."


def batch(rng: random.Random, questions: list[Question]) -> list[GradingInput]:
    """A rollout batch."""
    golds = [question.answer for question in questions]
    drawn = [rng.choice(questions) for _ in range(QUESTIONS)]
    return [GradingInput(q, completion(rng, q.answer, golds)) for q in drawn for _ in range(K)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--step", type=float, help="seconds of a training step with as many rollouts")
    arguments = parser.parse_args()
    questions = questions_of(arguments.file)
    reward = MathAnswer(workers=arguments.workers)
    rng = random.Random(0)
    reward.grade(batch(rng, questions)[:50])  # starts the workers
    seconds: list[float] = []
    kinds: dict[Outcome, int] = {}
    for _ in range(arguments.repetitions):
        answered = batch(rng, questions)
        start = time.perf_counter()
        grades = reward.grade(answered)
        seconds.append(time.perf_counter() - start)
        for grade in grades:
            kinds[grade.outcome] = kinds.get(grade.outcome, 0) + 1
    rates = sorted(QUESTIONS * K / second for second in seconds)
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, load {load:.1f}; Python {platform.python_version()}")
    print(f"{arguments.file.name}, {arguments.workers} worker(s), {len(seconds)} batches of {QUESTIONS * K}: {kinds}")
    print(f"completions/s: median {statistics.median(rates):.0f}, least {rates[0]:.0f}, most {rates[-1]:.0f}")
    print(f"seconds a batch: median {statistics.median(seconds):.2f}, {min(seconds):.2f} to {max(seconds):.2f}")
    if arguments.step:
        share = statistics.median(seconds) / arguments.step
        print(f"share of a step of {arguments.step:.1f} s: {share:.1%}")


if __name__ == "__main__":
    main()
