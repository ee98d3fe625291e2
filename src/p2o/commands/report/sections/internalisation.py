"""Whether what templates brought has moved into the weights."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from p2o.commands.report.blocks import Block, Figures, Missing, Section, Text
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.estimates import Estimate, estimate
from p2o.commands.report.runs import Run, per_run
from p2o.run_folder.question_record import QuestionRecord

NOTE = (
    "Cohort of an epoch: questions that ended some earlier epoch hard. Those that left the hard set are asked "
    "bare, those still in it under templates, so the templated curve is of the harder part; the middle curve "
    "is of those of its questions that had bare rollouts too. Bars: 95 % bootstrap interval over questions."
)


def internalisation(runs: Sequence[Run]) -> Section:
    """Follows the questions of each run that were hard once, bare and under templates."""
    return Section(
        "internalisation",
        "Internalisation",
        "On questions that were hard once, does the bare prompt catch up with the templated one?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    cohorts = dict(_cohorts(run))
    if not any(cohorts.values()):
        return [Missing("No question was hard in an epoch before the last: there is nothing to follow in questions/.")]
    names = {"bare": ("bare",), "bare, where templated too": ("paired_bare",), "templated": ("templated",)}
    curves = {name: [_estimate(records, *keys) for records in cohorts.values()] for name, keys in names.items()}
    lines = [
        _curve_line(name, curve, look)
        for look, (name, curve) in enumerate(curves.items())
        if any(value for value in curve)
    ]
    paired = [_estimate(records, "paired_templated") for records in cohorts.values()]
    blocks: list[Block] = [
        Figures([line_chart("Questions that were hard once", list(cohorts), lines, "epoch", "correct rollouts")]),
        *_gap(list(cohorts), curves["bare, where templated too"], paired),
    ]
    if not run.setting("data", "bare_rollouts"):
        blocks.append(
            Missing("No bare rollouts beside templated ones: --data.bare_rollouts 1 or more compares both directly.")
        )
    return [
        *blocks,
    ]


def _cohorts(run: Run) -> Iterator[tuple[int, list[QuestionRecord]]]:
    """Records of the questions that were hard at the end of some earlier epoch, by epoch."""
    known: set[str] = set()
    for epoch, records in sorted(run.questions.items()):
        if known:
            yield epoch, [record for record in records if record.id in known]
        known |= {record.id for record in records if record.hard}


def _estimate(records: Sequence[QuestionRecord], kind: str) -> Estimate | None:
    """Mean share of correct rollouts over questions that have such rollouts."""
    values = []
    for record in records:
        pairs = list(zip(record.templates, record.outcomes, strict=True))
        bare = [outcome == "correct" for template, outcome in pairs if not template]
        templated = [outcome == "correct" for template, outcome in pairs if template]
        both = bool(bare and templated)
        kinds = {"bare": bare, "templated": templated}
        chosen = kinds[kind.removeprefix("paired_")] if both or kind in kinds else []
        if chosen:
            values.append(fmean(chosen))
    return estimate(values) if values else None


def _curve_line(name: str, curve: Sequence[Estimate | None], look: int) -> Line:
    return Line(
        name,
        [value and value.mean for value in curve],
        [value and value.low for value in curve],
        [value and value.high for value in curve],
        look=look,
        dashed=look == 2,
    )


def _gap(
    epochs: Sequence[int], bare: Sequence[Estimate | None], templated: Sequence[Estimate | None]
) -> Iterator[Text]:
    gaps = [(e, t.mean - b.mean) for e, b, t in zip(epochs, bare, templated, strict=True) if b and t]
    if len(gaps) > 1:
        (first, start), (last, end) = gaps[0], gaps[-1]
        yield Text(
            f"On the questions that have both, templated rollouts were ahead of bare ones by {start:+.1%} in epoch "
            f"{first} and by {end:+.1%} in epoch {last}."
        )
