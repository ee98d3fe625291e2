"""The alternation as a sequence of half-steps: what each did to the joint objective, with paired intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

from p2o.commands.report.blocks import Text
from p2o.commands.report.estimates import Estimate, estimate


@dataclass(frozen=True)
class HalfStep:
    """The change from one measurement to the next.

    Args:
        name: "training 0" moves the policy, "evolution 0" the templates.
        change: Of the mean reward under the templates that questions carry, paired by question.
    """

    name: str
    change: Estimate

    @property
    def verdict(self) -> str:
        """Says in words what the interval allows to say."""
        if self.change.low > 0:
            return "better"
        return "worse" if self.change.high < 0 else "no clear change"


def joint(measurement: Mapping[str, Any], context: str = "mixture") -> Estimate:
    """The mean reward over the fixed questions: the joint objective for "mixture", the policy alone for "bare"."""
    return estimate(list(_rewards(measurement, context).values()))


def label(measurement: Mapping[str, Any]) -> str:
    """Names the half-step that a measurement follows."""
    if measurement["moment"] == "after training":
        return f"training {measurement['epoch']}"
    return f"evolution {measurement['epoch'] - 1}" if measurement["epoch"] else "start"


def half_steps(measurements: Sequence[Mapping[str, Any]]) -> list[HalfStep]:
    """The changes between neighbouring measurements, paired question by question."""
    found = []
    for before, after in pairwise(measurements):
        old, new = _rewards(before, "mixture"), _rewards(after, "mixture")
        found.append(HalfStep(label(after), estimate([new[id] - old[id] for id in new])))
    return found


def verdicts(steps: Sequence[HalfStep]) -> list[Text]:
    """Sentences on monotony, regressions and oscillation, the last two flagged."""
    worse = [step.name for step in steps if step.verdict == "worse"]
    better = sum(step.verdict == "better" for step in steps)
    clear = [step for step in steps if step.verdict != "no clear change"]
    turns = [f"{b.name} against {a.name}" for a, b in pairwise(clear) if a.verdict != b.verdict]
    up = sum(step.change.mean >= 0 for step in steps)
    return [
        Text(
            f"{_monotony(steps, worse)} {up} of {len(steps)} half-steps did not lower it, {better} raised it clearly."
        ),
        Text(f"Regression: {', '.join(worse)}.", "flag") if worse else Text("No clear regression."),
        Text(f"Oscillation: {'; '.join(turns)}.", "flag") if turns else Text("No oscillation between clear changes."),
    ]


def _monotony(steps: Sequence[HalfStep], worse: Sequence[str]) -> str:
    if worse:
        return "The joint objective did not grow monotonically."
    if all(step.change.mean >= 0 for step in steps):
        return "The joint objective never fell: the alternation is monotone as far as these questions tell."
    return "Whether the joint objective grows monotonically cannot be told: it fell, but not clearly."


def _rewards(measurement: Mapping[str, Any], context: str) -> dict[str, float]:
    return {entry["id"]: fmean(reward for reward, _ in entry[context]) for entry in measurement["questions"]}
