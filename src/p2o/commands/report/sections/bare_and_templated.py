"""pass@1 and pass@K of bare against templated questions of the hard set."""

from collections.abc import Mapping, Sequence

from p2o.commands.report.blocks import Block, Figure, Figures, Missing, Section
from p2o.commands.report.charts import Line, line_chart
from p2o.commands.report.estimates import Estimate, estimate
from p2o.commands.report.runs import Run, per_run
from p2o.commands.report.sections.evolution import no_evolution
from p2o.evaluation.estimators import pass_at_k

Tries = list[tuple[list[bool], list[bool]]]  # of each question: bare answers and templated ones, right or wrong

NOTE = (
    "Questions that carried templates in the epoch. Bars: 95 % bootstrap interval over questions. k is the "
    "smaller number of tries of the two. Fixed questions are asked before the epoch's updates; training "
    "rollouts are those of the mixture, and the policy changes during the epoch."
)


def bare_and_templated(runs: Sequence[Run]) -> Section:
    """Compares pass@1 and pass@K of both kinds, on the fixed questions and in training."""
    return Section(
        "bare_and_templated",
        "Bare and templated questions",
        "On hard questions, what do the evolved templates add to one try and to K tries?",
        per_run(runs, _blocks, NOTE),
    )


def _blocks(run: Run) -> list[Block]:
    before = [measurement for measurement in run.measurements if measurement["moment"] == "before training"]
    fixed = {measurement["epoch"]: _of_fixed_questions(measurement["questions"]) for measurement in before}
    trained = {epoch: _of_training(run, epoch) for epoch in run.questions}
    figures = [
        *_pass_at_k_figures("Fixed questions, before training", fixed),
        *_pass_at_k_figures("Training rollouts", trained),
    ]
    if not figures and run.setting("evolution", "budget") == 0:
        return [no_evolution(run)]
    if not figures:
        return [
            Missing(
                "No epoch has both bare and templated answers to hard questions: set --data.bare_rollouts 1 or more, "
                "or have fixed questions asked with --fixed_questions.questions."
            )
        ]
    return [
        Figures(figures),
    ]


def _of_fixed_questions(questions: Sequence[dict[str, list[list[float]]]]) -> Tries:
    return [
        (
            [correct > 0 for _, correct in question["bare"]],
            [correct > 0 for (_, correct), t in zip(question["mixture"], question["templated"], strict=True) if t],
        )
        for question in questions
        if any(question["templated"])
    ]


def _of_training(run: Run, epoch: int) -> Tries:
    tries: Tries = []
    for record in run.questions[epoch]:
        pairs = [
            (template, outcome == "correct")
            for template, outcome in zip(record.templates, record.outcomes, strict=True)
        ]
        bare, templated = ([right for template, right in pairs if bool(template) == t] for t in (False, True))
        if bare and templated:
            tries.append((bare, templated))
    return tries


def _pass_at_k_figures(title: str, tries: Mapping[int, Tries]) -> list[Figure]:
    found = {epoch: questions for epoch, questions in tries.items() if questions}
    if not found:
        return []
    most = min(min(len(bare), len(templated)) for questions in found.values() for bare, templated in questions)
    return [
        line_chart(
            f"{title}: pass@{k}",
            list(found),
            [
                _estimate_line(name, [_pass_at_k([q[i] for q in questions], k) for questions in found.values()], i)
                for i, name in enumerate(("bare", "templated"))
            ],
            "epoch",
            f"pass@{k}",
        )
        for k in sorted({1, most})
    ]


def _pass_at_k(tries: Sequence[Sequence[bool]], k: int) -> Estimate:
    return estimate([pass_at_k(len(tried), sum(tried), k) for tried in tries])


def _estimate_line(name: str, estimates: Sequence[Estimate], look: int) -> Line:
    means, lows, highs = zip(*estimates, strict=True)
    return Line(name, means, lows, highs, look=look, dashed=bool(look))
