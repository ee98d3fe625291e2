"""Which tokens of templated completions the context-ratio mask left out."""

from collections.abc import Iterable, Sequence

from p2o.commands.report.blocks import Block, Figures, Missing, Section, Text, ValueTable
from p2o.commands.report.charts import Line, bar_chart, line_chart
from p2o.commands.report.runs import Run, per_run
from p2o.commands.report.texts import shortened
from p2o.types import TemplateGap

SIDES = ("below", "above")
PARTS = 5  # of a completion: the log has fifths
MOST = 0.5  # of the gap
NAMED = 3  # templates at most
RELIES = (
    "Δ is the mean of log π(token | bare question) - log π(token | under the template) over correct completions that "
    "had a gradient, in nats: 0 where the bare policy would have written the same, far below 0 where it relies on the "
    "template. The masked gap is the share that masked tokens have in what the template adds to the log-probabilities "
    "of tokens, where it adds: – where it adds to none, or an earlier release did not count it."
)
NOTE = "Of templated rollouts with signal; all others take no part in the gradient."


def context_ratio(runs: Sequence[Run]) -> Section:
    """Shows how much of the templated completions was masked, by epoch and by position, in each run."""
    return Section(
        "context_ratio",
        "Context ratio",
        "How many templated tokens does the mask leave out, on which side, and where in the completion?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    logged = {epoch: values for epoch, values in sorted(run.metrics.items()) if "context/below" in values}
    if not logged:
        return [
            Missing(
                "No context/below in logs/version_N/metrics.csv: it is logged with the CSV logger (default) once a "
                "templated rollout has signal."
            )
        ]
    lines = [
        Line(side, [values[f"context/{side}"] for values in logged.values()], look=look)
        for look, side in enumerate(SIDES)
    ]
    last = list(logged)[-1]
    fifths = {
        side: [logged[last].get(f"context/{side}_fifth_{part}", 0.0) for part in range(1, PARTS + 1)] for side in SIDES
    }
    names = [f"{100 * part // PARTS}–{100 * (part + 1) // PARTS} %" for part in range(PARTS)]
    return [
        Figures(
            [
                line_chart("Masked tokens", list(logged), lines, "epoch", "share of templated tokens"),
                bar_chart(
                    f"By position, epoch {last}", names, fifths, "part of the completion", "share masked", percent=True
                ),
            ]
        ),
        Text(_masks(run)),
        *_gap(run, last),
        *_reliance(run),
    ]


def _gap(run: Run, epoch: int) -> list[Block]:
    """How much of what templates bring was left out, and by which templates most of that was brought."""
    if (share := run.metrics[epoch].get("context/masked_gap")) is None:
        return []
    text = (
        f"In epoch {epoch} the mask left out {share:.0%} of the gap, which is what the templates add to the "
        "log-probabilities of the tokens that they make likelier: what is masked of it cannot be learnt by the bare "
        "policy."
    )
    if named := _losing(run.gaps.get(epoch, {}).values()):
        text += f" Of correct completions, most of what was left out was under {named}."
    return [Text(text, "flag" if share > MOST else "plain")]


def _losing(gaps: Iterable[TemplateGap]) -> str:
    """The templates under which most nats were masked, each with its share of them; "" if nobody counted any."""
    masked = {gap.template: gap.masked_nats for gap in gaps if gap.masked_gap and gap.masked_nats}
    total = sum(masked.values())
    most = sorted(masked, key=lambda text: masked[text], reverse=True)[:NAMED]
    return ", ".join(f"“{shortened(text, 80)}” ({masked[text] / total:.0%})" for text in most)


def _reliance(run: Run) -> list[Block]:
    """How each template was used in an epoch, how much its successes relied on it, and what of that was masked."""
    rows = []
    for epoch, gaps in sorted(run.gaps.items()):
        records = run.questions.get(epoch, [])
        used = [pair for one in records for pair in zip(one.templates, one.outcomes, strict=True)]
        for id, found in sorted(gaps.items(), key=lambda entry: entry[1].gap):
            outcomes = [outcome for template, outcome in used if template == id]
            right = f"{outcomes.count('correct')} of {len(outcomes)}"
            lost = "–" if found.masked_gap is None else f"{found.masked_gap:.1%}"
            figures = [f"{found.gap:+.2f}", lost, f"{found.masked:.1%}", str(found.completions)]
            rows.append([str(epoch), shortened(found.template, 80), right, *figures])
    if not rows:
        return []
    head = ["epoch", "template", "correct rollouts", "Δ", "masked gap", "masked tokens", "completions"]
    return [ValueTable("What successes rely on", head, rows), Text(RELIES, "small")]


def _masks(run: Run) -> str:
    estimator = str(run.setting("model", "context", "class_path") or "").rpartition(".")[2]
    low, high = (run.setting("model", "context", "init_args", name) for name in ("low", "high"))
    if estimator == "Masked" and low is not None:
        return (
            f"Masked: below, the bare prompt makes a token less than {low:g} times as likely as the template does; "
            f"above, more than {high:g} times."
        )
    return f"The context estimator {estimator or 'of the run'} decides which tokens count; only Masked leaves some out."
