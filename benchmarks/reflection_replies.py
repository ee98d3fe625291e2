"""What helps a small model to reflect: `python benchmarks/reflection_replies.py MODEL [--jobs 16] [--json PATH]`.

MODEL is a folder or a name on the hub. The model answers questions of `DeskQuestions` bare, is shown three of its
failures a job, and reflects as `SelfReflector` has it: with GEPA's prompt or the short one of
configs/reflector/small.yaml, each as it is, with a reply that is begun for it, and with several replies to a job of
which the first that can be read is taken. The jobs are the same for all. Counted are the jobs with a usable proposal,
the different templates among them, and why there was none; what the templates are worth is the evolution's to find out.
"""

import argparse
import json
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import yaml
from tabulate import tabulate

from p2o.engines import SamplingParams, TransformersEngine
from p2o.policy.loading import load_policy, load_tokenizer
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors import SelfReflector
from p2o.reflectors.base import ReflectionContext, ReflectionJob
from p2o.reflectors.feedback import to_example
from p2o.reflectors.prompt import GEPA_PROMPT
from p2o.rewards import MarkedAnswer
from p2o.rollouts import RolloutRequest, RolloutWorker
from p2o.rollouts.counts import RolloutCounts
from p2o.seeds import derive_seed
from p2o.worlds import DeskQuestions

SMALL = Path(__file__).parents[1] / "configs" / "reflector" / "small.yaml"
EXAMPLES = 3  # a job: the default mini-batch of evolution


def jobs(context: ReflectionContext, count: int) -> list[ReflectionJob]:
    """Jobs on failures of the model itself, under an empty template and under one that is too general by turns."""
    questions = DeskQuestions(split="train", tasks=["sums"], count=4 * EXAMPLES * count).load()
    worker = RolloutWorker(context.engine, context.renderer, MarkedAnswer(mark="####"), RolloutCounts())
    requests = [RolloutRequest(question, "", derive_seed(0, question.id)) for question in questions]
    rollouts = worker.roll_out(context.policy, requests, SamplingParams(0.6, 40), "train")
    failed = [to_example(rollout) for rollout in rollouts if not rollout.correct]
    return [
        ReflectionJob(
            ("", "Answer the question.")[number % 2],
            tuple(failed[EXAMPLES * number : EXAMPLES * (number + 1)]),
            seed=derive_seed(0, "reflect", number),
        )
        for number in range(min(count, len(failed) // EXAMPLES))
    ]


def reflectors() -> dict[str, SelfReflector]:
    """What is compared, by name."""
    small = yaml.safe_load(SMALL.read_text(encoding="utf-8"))["evolution"]["reflector"]["init_args"]
    shared: dict[str, Any] = {"temperature": 1.0, "max_reply_length": 192}
    prompts = {"GEPA's prompt": GEPA_PROMPT, "short prompt with an example": small["prompt"]}
    aids = {"": {}, ", begun": {"opening": small["opening"]}}
    aids[", begun, 4 attempts"] = {**aids[", begun"], "attempts": 4}
    return {
        prompt + aid: SelfReflector(prompt=text, **shared, **options)
        for prompt, text in prompts.items()
        for aid, options in aids.items()
    }


def main() -> None:
    """Prints a table, and writes the replies if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--jobs", type=int, default=16)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    policy = load_policy(options.model).requires_grad_(False)
    renderer = PromptRenderer(load_tokenizer(options.model), instruction="")
    context = ReflectionContext(TransformersEngine(), renderer, policy, lambda: nullcontext(policy))
    asked = jobs(context, options.jobs)
    rows, replies = [], {}
    with torch.inference_mode():
        for name, reflector in reflectors().items():
            started = time.monotonic()
            proposals = reflector.reflect(asked, context)
            seconds = time.monotonic() - started
            usable = [proposal.template for proposal in proposals if not proposal.rejection]
            causes = Counter(proposal.rejection for proposal in proposals if proposal.rejection)
            tokens = sum(proposal.tokens for proposal in proposals)
            told = ", ".join(f"{count} {cause}" for cause, count in causes.most_common())
            rows.append([name, f"{len(usable)} of {len(asked)}", len(set(usable)), tokens, round(seconds), told])
            replies[name] = [proposal.reply for proposal in proposals]
            print(tabulate(rows[-1:], tablefmt="plain"), flush=True)
    print(tabulate(rows, ["reflector", "usable", "different", "tokens", "seconds", "rejected"], tablefmt="github"))
    if options.json:
        options.json.write_text(json.dumps(replies, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
