"""Charts keep what they draw inside their figure."""

import re

import pytest

from p2o.commands.report.charts import Line, bar_look, line_chart


@pytest.mark.parametrize(("label", "columns"), [("grpo", 2), ("no_distillation-56330c1f40-seed0, templated", 1)])
def test_names_of_runs_stay_inside_the_figure(label, columns):
    labels = [f"{number} {label}" for number in range(4)]
    svg = line_chart("accuracy", [0, 1], [Line(label, [0.1, 0.2], look=3) for label in labels], "epoch", "share").svg
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg).group(1))
    starts = {label: float(re.search(rf'x="(-?[\d.]+)"[^>]*>{label}<', svg).group(1)) for label in labels}
    assert len(set(starts.values())) == columns
    assert all(0 < start < width for start in starts.values())


def test_no_two_parts_of_a_bar_look_alike():
    looks = [tuple(bar_look(index).values()) for index in range(14)]  # a run has nine phases
    assert len(set(looks)) == len(looks)
