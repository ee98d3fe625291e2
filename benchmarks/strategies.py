"""Which written strategy helps a model with which task: `python benchmarks/strategies.py MODEL [--questions 24]`.

MODEL is a folder or a name on the hub. Every task of `DeskQuestions` is asked bare and under each of twenty templates,
the same questions under all and one sampled completion each, with the format named in the bare prompt: what a template
adds is a way of working. With `--last-number` no format is asked for, the last number of a completion counts, and the
tasks are those whose answer is a number: for models that keep to no format. A study is worth its time where a template
is ahead of the bare prompt by more than luck; with twenty templates a task, one in forty is so at 95 % by chance, so
that the best one is asked again with questions of its own.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch
from tabulate import tabulate
from transformers import PreTrainedModel

from p2o.engines import SamplingParams, TransformersEngine
from p2o.io.files import write_json
from p2o.policy.loading import load_policy, load_tokenizer
from p2o.prompts.renderer import PromptRenderer
from p2o.rewards import LastNumber, MarkedAnswer
from p2o.rollouts import RolloutRequest, RolloutWorker
from p2o.rollouts.counts import RolloutCounts
from p2o.seeds import derive_seed
from p2o.worlds import DeskQuestions
from p2o.worlds.desk import Task

INSTRUCTION = "Answer the question. End with a line that has #### and the answer.\n\n"
NUMERIC: tuple[Task, ...] = ("sums", "long_sums", "letters", "stories")
SAMPLING = SamplingParams(0.6, 64)
STRATEGIES = (
    "Think step by step.",
    "Work in small steps and write each of them down.",
    "Be brief: write #### and the answer, nothing else.",
    "Check your answer before you write it.",
    "Add two numbers at a time and write down the running total.",
    "Add the tens first, then the ones, then both together.",
    "Write the calculation as an equation first.",
    "First multiply, then subtract.",
    "Repeat the question in your own words first.",
    "List what is known, then compute what is asked.",
    "Spell the word letter by letter, with a blank between letters.",
    "Number the letters, then read them from the last to the first.",
    "Go through the letters one at a time and keep count.",
    "Find the smallest, write it down, and go on with what is left.",
    "Compare the numbers two at a time.",
    "Put the numbers under ten first, then the larger ones.",
    "Example: What is 4 + 5 + 6?\n4 + 5 = 9\n9 + 6 = 15\n#### 15",
    'Example: Spell "abcd" backwards.\nd c b a\n#### dcba',
    "Example: Sort these numbers from smallest to largest: 9, 2, 5.\nFirst 2, then 5, then 9.\n#### 2, 5, 9",
    "Example: Tim buys 2 boxes with 5 pens in each box, and loses 1 of them.\n2 * 5 = 10\n10 - 1 = 9\n#### 9",
)


def solved(
    worker: RolloutWorker, policy: PreTrainedModel, task: Task, templates: Sequence[str], count: int, seed: int
) -> dict[str, list[bool]]:
    """Which of the questions of a task one sampled completion solves under each template, from one engine call."""
    questions = DeskQuestions("train", [task], count, seed).load()
    requests = [
        RolloutRequest(question, template, derive_seed(seed, template, question.id))
        for template in templates
        for question in questions
    ]
    rollouts = worker.roll_out(policy, requests, SAMPLING, "validation", task)
    verdicts = iter([rollout.correct for rollout in rollouts])
    return {template: [next(verdicts) for _ in questions] for template in templates}


def ahead(under: list[bool], bare: list[bool]) -> tuple[float, float]:
    """Mean of the paired difference of two lists of verdicts, and the half-width of its 95 % interval."""
    differences = torch.tensor(under, dtype=torch.float64) - torch.tensor(bare, dtype=torch.float64)
    return float(differences.mean()), 1.96 * float(differences.std()) / math.sqrt(len(under))


def main() -> None:
    """Prints a table by task, and writes all rates if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--last-number", action="store_true", help="no format; grade by the last number")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    policy = load_policy(options.model).requires_grad_(False)
    instruction, reward = ("", LastNumber()) if options.last_number else (INSTRUCTION, MarkedAnswer())
    renderer = PromptRenderer(load_tokenizer(options.model), instruction)
    worker = RolloutWorker(TransformersEngine(), renderer, reward, RolloutCounts())
    rows, rates = [], {}
    for task in NUMERIC if options.last_number else get_args(Task):
        under = solved(worker, policy, task, ("", *STRATEGIES), options.questions, seed=0)
        bare = under.pop("")
        best = max(under, key=lambda text: sum(under[text]))
        again = ahead(*solved(worker, policy, task, (best, ""), 4 * options.questions, seed=1).values())
        higher = sum(ahead(verdicts, bare)[0] > ahead(verdicts, bare)[1] for verdicts in under.values())
        rates[task] = {text: sum(verdicts) / len(verdicts) for text, verdicts in {"": bare, **under}.items()}
        rows.append(
            [
                task,
                f"{rates[task]['']:.0%}",
                f"{rates[task][best]:.0%}",
                higher,
                f"{100 * again[0]:+.0f} ± {100 * again[1]:.0f}",
                best.replace("\n", " ⏎ "),
            ]
        )
        print(tabulate(rows[-1:], tablefmt="plain"), flush=True)
    header = ["task", "bare", "best", "ahead of bare at 95 %", "best, asked again: points ahead", "best template"]
    print(tabulate(rows, header, tablefmt="github"))
    if options.json:
        write_json(options.json, rates)


if __name__ == "__main__":
    main()
