"""Curves by step: above all the groups without variance, from which nothing is learnt."""

from collections.abc import Mapping, Sequence

from p2o.commands.report.blocks import Block, Figure, Figures, Missing, Section
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.runs import Run, per_run
from p2o.commands.report.steps import CAUSES, thinned, zero_variance_shares

NOTE = (
    "A group whose rollouts have equal rewards has advantages of zero: it costs rollouts and teaches nothing "
    "(advantage collapse). All wrong: the question is too hard as it is asked; all right: too easy. Each point is a "
    "rollout batch, of long runs the mean of some neighbours."
)
CURVES = {
    "Training reward": ("train/reward_step", "mean reward"),
    "Completion length": ("train/completion_length_step", "tokens"),
    "Truncated completions": ("train/truncated_step", "share of completions"),
    "Gradient norm": ("policy/grad_norm", "norm before clipping"),
    "Entropy": ("policy/entropy", "nats a token"),
    "KL to the policy before training": ("policy/kl", "nats a token"),
    "KL to the policy before training, bare fixed questions": ("fixed_questions/kl", "nats a token"),
    "Templated rollouts": ("train/templated_step", "share of rollouts"),
}
FEW = 12  # points that a line alone would hardly show
SHARES = ("Truncated completions", "Templated rollouts")


def steps(runs: Sequence[Run]) -> Section:
    """Shows for each run what every step had to learn from, and how the policy moved."""
    return Section(
        "steps",
        "Step by step",
        "How many groups of rollouts have something to learn from, and how do reward, length and gradients move?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    found = thinned(run.steps)
    if not found:
        return [Missing("No steps in logs/version_N/metrics.csv: they are logged with the CSV logger, the default.")]
    return [Figures([*_zero_variance(found), *(_curve(found, title) for title in CURVES if _logged(found, title))])]


def _zero_variance(found: Mapping[int, Mapping[str, float]]) -> list[Figure]:
    shares = {step: zero_variance_shares(values, "_step") for step, values in found.items()}
    shares = {step: share for step, share in shares.items() if share}
    if not shares:
        return []
    lines = [
        Line(cause, [share.get(cause) for share in shares.values()], look=look, marked=False)
        for look, cause in enumerate(CAUSES)
        if any(share.get(cause) for share in shares.values())
    ]
    total = [sum(share.values()) for share in shares.values()]
    lines.append(Line("all of them", total, look=6, dashed=True, marked=False))
    return [line_chart("Groups without variance", list(shares), lines, "step", "share of groups")]


def _logged(found: Mapping[int, Mapping[str, float]], title: str) -> bool:
    return any(values.get(CURVES[title][0]) for values in found.values())


def _curve(found: Mapping[int, Mapping[str, float]], title: str) -> Figure:
    name, ylabel = CURVES[title]
    points = {step: values[name] for step, values in found.items() if name in values}
    line = Line(ylabel, list(points.values()), marked=len(points) < FEW)
    return line_chart(title, list(points), [line], "step", ylabel, percent=title in SHARES)
