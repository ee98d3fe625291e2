"""What leaving some rollouts of hard questions bare does: `python benchmarks/bare_rollouts.py RUN [RUN …]`.

RUN is the folder of a finished run on the skills: `runs/compare/fits/bare-*` and `p2o-*` are those of `p2o compare
studies/skills_tau.yaml`. Runs whose folders differ by their seed alone are one row, mean ± standard deviation over
them.

* Saturation: of the groups with a template, the share in which every rollout is right, so that the group teaches
  nothing; by family, over all epochs. The claim is that strong templates saturate groups and bare rollouts cure it.
* Signal: the share with right and wrong rollouts.
* KL(policy ‖ policy before training) in nats a token, by k3, on bare completions of the validation questions, sampled
  at temperature 1 from the last checkpoint.
"""

import argparse
import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from p2o.engines import SamplingParams, TransformersEngine
from p2o.evaluation.start_distance import KLSum, kl_to_start
from p2o.policy.checkpoints import load_checkpoint
from p2o.policy.loading import load_policy, load_tokenizer
from p2o.prompts.renderer import PromptRenderer
from p2o.rewards import ExactAnswer
from p2o.rollouts import RolloutRequest, RolloutWorker
from p2o.rollouts.counts import RolloutCounts
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import QuestionRecord
from p2o.run_folder.question_tables import read_questions
from p2o.run_folder.readers import read_summary
from p2o.seeds import derive_seed
from p2o.worlds import SkillQuestions
from p2o.worlds.bundled import INSTRUCTION
from p2o.worlds.skills import FAMILIES

POLICY = "p2o/skills-policy"
SAMPLING = SamplingParams(1.0, 96)
ALL = "all"


def templated_groups(paths: RunPaths) -> list[QuestionRecord]:
    """The records of all epochs in which some rollout had a template."""
    epochs = range(read_summary(paths)["epochs"])
    return [one for epoch in epochs for one in read_questions(paths.questions(epoch)) if any(one.templates)]


def shares(groups: Sequence[QuestionRecord]) -> tuple[float, float]:
    """Of groups: the shares that are all right, and that have right and wrong rollouts, in %."""
    saturated = sum(one.correct == len(one.outcomes) for one in groups)
    mixed = sum(0 < one.correct < len(one.outcomes) for one in groups)
    return 100 * saturated / len(groups), 100 * mixed / len(groups)


def moved(run: Path, questions: int) -> float:
    """KL of the last checkpoint to the policy before training, in nats a token."""
    start, policy = load_policy(POLICY), load_policy(POLICY)
    state = load_checkpoint(RunPaths(run).checkpoints / "last.ckpt")["state_dict"]
    policy.load_state_dict({name.removeprefix("policy."): value for name, value in state.items()}, strict=False)
    worker = RolloutWorker(
        TransformersEngine(), PromptRenderer(load_tokenizer(POLICY), INSTRUCTION), ExactAnswer(), RolloutCounts()
    )
    asked = SkillQuestions("validation", questions, seed=2).load()
    requests = [RolloutRequest(question, "", derive_seed(0, "kl", question.id)) for question in asked]
    rollouts = worker.roll_out(policy, requests, SAMPLING, "validation")
    return sum(kl_to_start(start, rollouts, SAMPLING.temperature, 8192), KLSum()).mean


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Mean ± standard deviation; of runs without such a group none."""
    if not values:
        return "–"
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.{digits}f} ± {deviation:.{digits}f}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--questions", type=int, default=24, help="of each family, for the KL")
    arguments = parser.parse_args()
    rows: dict[str, list[Path]] = defaultdict(list)
    for run in arguments.runs:
        rows[re.sub(r"-seed\d+$", "", run.name)].append(run)
    table = []
    for name, runs in rows.items():
        saturated, mixed = defaultdict[str, list[float]](list), list[float]()
        for run in runs:
            groups = templated_groups(RunPaths(run))
            for family in (ALL, *FAMILIES):
                if own := [one for one in groups if family in (ALL, one.difficulty)]:
                    saturated[family].append(shares(own)[0])
            mixed += [shares(groups)[1]] if groups else []
        kl = spread([moved(run, arguments.questions) for run in runs], 2)
        table.append([name, len(runs), spread(mixed), kl, *(spread(saturated[family]) for family in (ALL, *FAMILIES))])
    head = ["runs", "seeds", "signal, %", "KL", *(f"saturated {family}, %" for family in (ALL, *FAMILIES))]
    print(tabulate(table, head, tablefmt="pipe"))


if __name__ == "__main__":
    main()
