"""How busy evolution keeps the engine: `python benchmarks/evolution.py [--json PATH]`.

Runs a GEPA phase of the quickstart (its questions, budget and sizes unless told otherwise; the policy itself reflects)
and plain rollouts of the quickstart's training batch in turn. The paper's dev set:
`--dev-size 300 --questions 600 --budget 1580 --width 16`. `--repeat` fills an iteration up to its width with the
parents that the front has, each again on a mini-batch of its own, which Algorithm 4 does not do.

Utilisation is the phase's tokens per second over those of plain rollouts; "in the engine" counts only the time inside
engine calls, so that what is lost to small batches and what is lost between calls can be told apart; "reading" is the
share of it that goes into prompts, the most that templates read only once could save.

`--world skills` takes the policy and questions of seven families of skills, whose evolution scores at T = 1.

`--screen V` compares instead the paper's way of spending the budget with half of it on "screen, then cover" (V dev
questions for every child, the others for the pool at the end), in pairs of the same questions and seeds: rollouts,
engine calls, seconds, and what the bank is worth on hard questions that evolution did not see: how many some template
of it solves greedily, and the pass rate of one sampled completion each under the templates they would be given.
"""

import argparse
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from lightning import Trainer
from transformers import PreTrainedModel

from p2o.engines import SamplingParams, TransformersEngine, continuous_batching
from p2o.evolution import DominanceSelector
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.phase import EvolutionPhase
from p2o.mixture.assignment import assign
from p2o.objective.advantages import GroupNormalized
from p2o.objective.context_estimators import Masked
from p2o.objective.losses import ClippedLoss
from p2o.policy.loading import BUNDLED, load_policy, load_tokenizer
from p2o.policy.module import PolicyModule
from p2o.prompts.renderer import PromptRenderer
from p2o.prompts.templates import TemplateBank
from p2o.reflectors import SelfReflector
from p2o.rewards import ExactAnswer, MathAnswer
from p2o.rewards.base import Reward
from p2o.rollouts import RolloutRequest, RolloutWorker
from p2o.seeds import derive_seed
from p2o.types import Completion, Prompt, Question
from p2o.worlds import SkillQuestions
from p2o.worlds.chains import ChainQuestions
from p2o.worlds.skills import FAMILIES
from p2o.worlds.skills.base import Split


@dataclass(frozen=True)
class World:
    """A bundled policy with its questions.

    Args:
        policy: Its name.
        reward: Grades its answers.
        length: Tokens of a completion at most.
        hard: So many training or validation questions of it that evolution is for.
        temperature: Of evolution's completions, as its config has it.
    """

    policy: str
    reward: Callable[[], Reward]
    length: int
    hard: Callable[[Split, int], list[Question]]
    temperature: float


WORLDS = {
    "quickstart": World(
        BUNDLED, MathAnswer, 128, lambda split, count: ChainQuestions(split, easy=0, hard=count).load(), 0.0
    ),
    "skills": World(
        "p2o/skills-policy",
        ExactAnswer,
        96,
        lambda split, count: SkillQuestions(split, -(-count // len(FAMILIES))).load()[:count],
        1.0,
    ),
}


class WatchedEngine(TransformersEngine):
    """Counts calls, tokens and seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.tokens = 0
        self.seconds = 0.0
        self.reading = 0.0

    def generate(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, title: str
    ) -> list[Completion]:
        """As the engine does."""
        prefill = continuous_batching._prefill

        def watched(*args: Any) -> Iterator[Any]:  # noqa: ANN401 (as `_prefill`)
            before = time.perf_counter()
            for batch in prefill(*args):
                self.reading += time.perf_counter() - before
                yield batch
                before = time.perf_counter()

        start = time.perf_counter()
        with patch.object(continuous_batching, "_prefill", watched):
            completions = super().generate(policy, prompts, sampling, title)
        self.seconds += time.perf_counter() - start
        self.calls.append(len(prompts))
        self.tokens += sum(len(completion.ids) for completion in completions)
        return completions


def build(engine: WatchedEngine, world: World) -> PolicyModule:
    """The policy of a world, ready to answer without a Trainer."""
    parts = (engine, world.reward(), GroupNormalized(), Masked(), ClippedLoss())
    module = PolicyModule(world.policy, *parts, temperature=1.0, max_completion_length=world.length)
    module.instruction = "Answer within \\boxed{}.\nQuestion: "
    module.renderer = PromptRenderer(load_tokenizer(world.policy), module.instruction)
    module.policy = load_policy(world.policy)
    module.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)  # where weights are placed
    module.worker = RolloutWorker(engine, module.renderer, module.reward, module.counts)
    module.max_templated_prompt_length = module.policy.config.max_position_embeddings - world.length
    return module


def plain(seed: int) -> dict[str, Any]:
    """A training batch of the quickstart: 12 questions, 6 rollouts each."""
    engine = WatchedEngine()
    module = build(engine, WORLDS["quickstart"])
    questions = ChainQuestions("train", easy=6, hard=6).load()
    requests = [RolloutRequest(question, "", seed + k) for question in questions for k in range(6)]
    start = time.perf_counter()
    module.worker.roll_out(module.policy, requests, module.sampling, "train")
    return cost(engine, time.perf_counter() - start)


def phase(seed: int, options: argparse.Namespace, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 (settings)
    """An evolution on hard questions, with other settings than the options say."""
    engine, world = WatchedEngine(), WORLDS[options.world]
    module = build(engine, world)
    sizes: dict[str, Any] = {"budget": options.budget, "dev_size": options.dev_size, "width": options.width} | changes
    evolution = TemplateEvolution(
        SelfReflector(temperature=1.0, max_reply_length=96),
        DominanceSelector(),
        min_parents=options.width if options.repeat else 1,
        min_hard_set=12,
        temperature=world.temperature,
        seed=seed,
        **sizes,
    )
    hard = world.hard("train", options.questions)
    search = EvolutionPhase(evolution, module, hard, 0, TemplateBank(), [], evolution.ledger).search
    start = time.perf_counter()
    search.run()
    spent = cost(engine, time.perf_counter() - start)
    spent |= {"templates": len(search.history.pool), "rollouts": search.history.spent, "bank": len(search.bank)}
    return spent | (
        held_out(module, search.bank, world.hard("validation", options.questions), seed) if options.screen else {}
    )


def held_out(module: PolicyModule, bank: TemplateBank, questions: Sequence[Question], seed: int) -> dict[str, float]:
    """What a bank is worth on other questions."""
    rng = random.Random(seed)
    texts = [template.text for template in bank.templates] or [""]
    greedy, sampled = (SamplingParams(t, module.sampling.max_completion_length) for t in (0.0, 1.0))
    requests = [RolloutRequest(question, text, seed) for question in questions for text in texts]
    rollouts = module.worker.roll_out(module.policy, requests, greedy, "validation")
    solved = {rollout.question.id for rollout in rollouts if rollout.correct}
    assigned = [assign(bank, question.id, 1, rng)[0] for question in questions]
    requests = [
        RolloutRequest(question, text, derive_seed(seed, "held out", question.id))
        for question, text in zip(questions, assigned, strict=True)
    ]
    rollouts = module.worker.roll_out(module.policy, requests, sampled, "validation")
    return {
        "cover": len(solved) / len(questions),
        "pass rate": statistics.fmean(rollout.correct for rollout in rollouts),
    }


def compare_screen(options: argparse.Namespace) -> list[dict[str, dict[str, Any]]]:
    """Pairs of the paper's way and "screen, then cover" at half of the budget, and their differences."""
    screen = {"screen_size": options.screen, "cover_share": 0.5, "budget": options.budget // 2}
    pairs = []
    for seed in range(options.pairs):
        pairs.append({"paper": phase(seed, options), "screen": phase(seed, options, **screen)})
    names = ("rollouts", "calls", "seconds", "templates", "bank", "cover", "pass rate")
    print(f"| {options.pairs} pairs | {' | '.join(names)} |\n|{'---|' * (1 + len(names))}")
    for way in ("paper", "screen"):
        cells = [spread([pair[way][name] for pair in pairs]) for name in names]
        print(f"| {way} | {' | '.join(cells)} |")
    cells = [spread([pair["screen"][name] - pair["paper"][name] for pair in pairs]) for name in names]
    print(f"| difference | {' | '.join(cells)} |")
    return pairs


def spread(values: Sequence[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.4g} ({min(values):.4g} to {max(values):.4g})"


def cost(engine: WatchedEngine, seconds: float) -> dict[str, Any]:
    """What was counted."""
    return {
        "calls": len(engine.calls),
        "prompts": sum(engine.calls),
        "tokens": engine.tokens,
        "seconds": seconds,
        "seconds_in_engine": engine.seconds / seconds,
        "reading": engine.reading / engine.seconds,
        "tokens_per_second": engine.tokens / seconds,
        "tokens_per_second_in_engine": engine.tokens / engine.seconds,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--world", choices=WORLDS, default="quickstart", help="policy and questions of the evolution")
    parser.add_argument("--questions", type=int, default=96, help="hard questions, for dev and mini-batches")
    parser.add_argument("--dev-size", type=int, default=24)
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--repeat", action="store_true", help="parents more than once in an iteration")
    parser.add_argument("--screen", type=int, default=0, help="compare with a screen of so many dev questions")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plain(99)  # the first call of anything is slower
    if options.screen:
        save(compare_screen(options), options.json)
        return
    pairs = [{"plain": plain(seed), "phase": phase(seed, options)} for seed in range(options.pairs)]
    print("| | engine calls | prompts a call | seconds | in the engine | reading | tokens/s | tokens/s in the engine |")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("plain", "phase"):
        middle = {key: statistics.median(pair[name][key] for pair in pairs) for key in pairs[0][name]}
        print(
            f"| {name} | {middle['calls']:.0f} | {middle['prompts'] / middle['calls']:.1f} | "
            f"{middle['seconds']:.1f} | {middle['seconds_in_engine']:.0%} | {middle['reading']:.0%} | "
            f"{middle['tokens_per_second']:.0f} | {middle['tokens_per_second_in_engine']:.0f} |"
        )
    for key in ("tokens_per_second", "tokens_per_second_in_engine"):
        shares = [pair["phase"][key] / pair["plain"][key] for pair in pairs]
        print(f"utilisation, {key}: {statistics.median(shares):.0%} ({min(shares):.0%}–{max(shares):.0%})")
    print("templates in the pool:", *(pair["phase"]["templates"] for pair in pairs))
    save(pairs, options.json)


def save(pairs: Sequence[Any], path: Path | None) -> None:
    """Keeps the figures of all pairs, if somebody wants them."""
    if path:
        path.write_text(json.dumps(pairs, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
