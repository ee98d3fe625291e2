"""Runs that differ in the seed alone, taken together."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from p2o.commands.report.charts import Line
from p2o.commands.report.estimates import Estimate
from p2o.commands.report.runs import Run
from p2o.commands.report.texts import filled_up
from p2o.evaluation.student import student_quantile

# Where files go, what is shown, and the seed itself.
APART = ("seed_everything", "ckpt_path", "config", "progress", "console_samples")
APART_WITHIN = {
    "trainer": ("default_root_dir", "logger", "enable_progress_bar"),
    "checkpoint": ("dirpath",),
    **dict.fromkeys(("model", "data", "evolution"), ("seed",)),
}


@dataclass(frozen=True)
class SeedGroup:
    """Runs of one config; one run alone is a group as well."""

    name: str
    runs: Sequence[Run]

    def curve(self, values: Sequence[Sequence[float | None]]) -> list[Estimate | None]:
        """The mean over the runs of a curve that each of them has, and its interval; None where any has no value."""
        shortest = min(len(curve) for curve in values)
        points = [[curve[index] for curve in values] for index in range(shortest)]
        return [mean_over_seeds([v for v in point if v is not None]) if None not in point else None for point in points]


def seed_groups(runs: Sequence[Run]) -> list[SeedGroup]:
    """The runs by config, in the order in which each config comes first; runs without a config stay alone.

    A seed counts once: a second run of it is the same run again, and stands beside the group.
    """
    groups: dict[tuple[str, int], list[Run]] = {}
    for number, run in enumerate(runs):
        key, seed, place = _config_key(run.config) if run.config else str(number), run.setting("seed_everything"), 0
        while seed is not None and seed in [other.setting("seed_everything") for other in groups.get((key, place), [])]:
            place += 1
        groups.setdefault((key, place), []).append(run)
    return [SeedGroup(_name(members), members) for members in groups.values()]


def mean_over_seeds(values: Sequence[float]) -> Estimate:
    """The mean and its 95 % interval by Student's t, which is honest for few seeds; of one seed it has no width."""
    mean = fmean(values)
    if len(values) < 2:
        return Estimate(mean, mean, mean)
    half = student_quantile(len(values) - 1) * stdev(values) / sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)


def seed_line(
    group: SeedGroup,
    curves: Sequence[Sequence[float | None]],
    length: int,
    look: int,
    label: str = "",
    dashed: bool = False,
) -> Line:
    """One line for a group: the curve of a run that is alone, or the mean of several with its interval.

    Args:
        group: The runs.
        curves: A curve for each of them.
        length: Points of the chart, of which a curve may have fewer.
        look: Colour and mark of the line.
        label: What the legend says; the group's name if it is empty.
        dashed: Whether the line is dashed.
    """
    label = label or group.name
    if len(curves) == 1:
        return Line(label, filled_up(curves[0], length), look=look, dashed=dashed)
    points = group.curve(curves)
    mean, low, high = (filled_up([point and point[i] for point in points], length) for i in range(3))
    return Line(label, mean, low, high, look=look, dashed=dashed)


def _config_key(config: dict[str, Any]) -> str:
    kept = {name: part for name, part in config.items() if name not in APART}
    for section, names in APART_WITHIN.items():
        if isinstance(kept.get(section), dict):
            kept[section] = {name: value for name, value in kept[section].items() if name not in names}
    return json.dumps(kept, sort_keys=True, default=str)


def _name(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return runs[0].name
    letters = takewhile(lambda column: len(set(column)) == 1, zip(*(run.name for run in runs), strict=False))
    shared = "".join(column[0] for column in letters).rstrip("-_/. ").removesuffix("seed").rstrip("-_/. ")
    return f"{shared or runs[0].name} ({len(runs)} seeds)"
