"""What helps a small model to reflect: `python benchmarks/reflection_replies.py MODEL [--jobs 16] [--json PATH]`.

MODEL is a folder or a name on the hub. The model answers questions of `DeskQuestions` bare, is shown three of its
failures a job, and reflects as `SelfReflector` has it: with GEPA's prompt or the short one of
configs/reflector/small.yaml, each as it is, with a reply that is begun for it, with its fence closed for it, and with
several replies to a job. Jobs, temperature and length are the same for all, those of small.yaml, which is the last row;
rows that ask for the same replies share them. Counted are jobs with a usable proposal, the different templates of all
replies, tokens, and why a job had no template; what the templates are worth is the evolution's to find out.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import yaml
from tabulate import tabulate
from transformers import PreTrainedModel

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
from p2o.types import Completion, Prompt
from p2o.worlds import DeskQuestions

SMALL = Path(__file__).parents[1] / "configs" / "reflector" / "small.yaml"
EXAMPLES = 3  # a job: the default mini-batch of evolution


class Remembering(TransformersEngine):
    """Samples what it has not sampled before."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[Prompt, SamplingParams], Completion] = {}

    def generate(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, title: str
    ) -> list[Completion]:
        """One completion for each prompt, in order."""
        new = [prompt for prompt in prompts if (prompt, sampling) not in self._known]
        sampled = super().generate(policy, new, sampling, title)
        self._known |= {(prompt, sampling): completion for prompt, completion in zip(new, sampled, strict=True)}
        return [self._known[prompt, sampling] for prompt in prompts]


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
    """What is compared, by name; the last one is that of small.yaml."""
    small = yaml.safe_load(SMALL.read_text(encoding="utf-8"))["evolution"]["reflector"]["init_args"]
    shared: dict[str, Any] = {name: small[name] for name in ("temperature", "max_reply_length")}
    prompts = {"GEPA's prompt": GEPA_PROMPT, "short prompt with an example": small["prompt"]}
    begun, several = {"opening": small["opening"]}, {"attempts": small["attempts"]}
    closed = begun | {"close_fence": small["close_fence"]}
    aids: dict[str, dict[str, Any]] = {
        "": {},
        ", begun": begun,
        ", begun, closed": closed,
        f", begun, {small['attempts']} attempts": begun | several,
        f", begun, closed, {small['attempts']} attempts": closed | several,
    }
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
    context = ReflectionContext(Remembering(), renderer, policy, lambda: nullcontext(policy))
    asked = jobs(context, options.jobs)
    rows, replies = [], {}
    with torch.inference_mode():
        for name, reflector in reflectors().items():
            proposals = reflector.reflect(asked, context)
            usable = sum(not proposal.rejection for proposal in proposals)
            attempts = [[proposal, *proposal.others] for proposal in proposals]
            templates = {reply.template for job in attempts for reply in job if not reply.rejection}
            causes = Counter(proposal.rejection for proposal in proposals if proposal.rejection)
            tokens = sum(proposal.tokens for proposal in proposals)
            told = ", ".join(f"{count} {cause}" for cause, count in causes.most_common())
            rows.append([name, f"{usable} of {len(asked)}", len(templates), tokens, told])
            replies[name] = [[[reply.template, reply.rejection, reply.reply] for reply in job] for job in attempts]
            print(tabulate(rows[-1:], tablefmt="plain"), flush=True)
    print(tabulate(rows, ["reflector", "jobs usable", "templates", "tokens", "rejected"], tablefmt="github"))
    if options.json:
        options.json.write_text(json.dumps(replies, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
