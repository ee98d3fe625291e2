"""What became of a run, in words: each finding with the figures that say so, and what to try."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from p2o.commands.report.bare_rollouts import bare_accuracies, templated_share
from p2o.commands.report.estimates import Estimate, estimate
from p2o.commands.report.runs import Run
from p2o.commands.report.steps import one_sided_shares, zero_variance_shares

MOSTLY = 0.9  # of the groups
HALF = 0.5
HELPED = 0.1  # by which templated accuracy is ahead of bare accuracy
ALL_SOLVED = 0.98  # validation accuracy
THIRD = 1 / 3

Tone = Literal["good", "flag", "plain"]


@dataclass(frozen=True)
class Finding:
    """One thing that the figures of a run say.

    Args:
        word: It in a word or two: "Works", "Collapsed".
        tone: Whether that is good, alarming, or neither.
        figures: The figures that say so.
        advice: What to try; empty if there is nothing to mend.
    """

    word: str
    tone: Tone
    figures: str
    advice: str = ""

    @property
    def text(self) -> str:
        """The finding as a paragraph."""
        return " ".join(filter(None, [f"{self.word}:", self.figures, self.advice]))


def findings(run: Run) -> list[Finding]:
    """All findings, the one that matters most first; at least one."""
    found = [
        finding
        for look in (_collapsed, _no_signal, _masked_away, _no_templates, _works, _saturated, _cut_off)
        for finding in look(run)
    ]
    return found or [_one_epoch(run) if run.epochs == 1 else _no_clear_change(run)]


def _one_epoch(run: Run) -> Finding:
    accuracy = _accuracy(run, "bare")
    validation = "" if accuracy is None else f", and the validation accuracy of the bare prompt is {accuracy:.0%}"
    return Finding(
        "One epoch",
        "plain",
        f"the training reward is {run.summary['reward'][0]:.3f}{validation}; a change needs a second epoch.",
    )


def _no_clear_change(run: Run) -> Finding:
    rewards = run.summary["reward"]
    return Finding(
        "No clear change",
        "plain",
        f"the training reward went from {rewards[0]:.3f} to {rewards[-1]:.3f}, and the validation accuracy of the bare "
        f"prompt {_change_in_words(run)}.",
        "Give it more epochs or a higher learning rate (model.optimizer), and look at the groups without variance "
        "below: they say whether there is something to learn from.",
    )


def _collapsed(run: Run) -> Iterator[Finding]:
    rewards, truncated = run.summary["reward"], run.summary.get("truncated", [])
    best = max(rewards)
    epoch = rewards.index(best)
    if best >= 0.1 and rewards[-1] < HALF * best:
        yield _without_templates(run, epoch) or Finding(
            "Collapsed",
            "flag",
            f"the training reward fell from {best:.3f} in epoch {epoch} to {rewards[-1]:.3f} at the end.",
            "Go back to the checkpoint of that epoch, with a lower learning rate or a KL to the start (ReferenceKL).",
        )
    elif truncated and truncated[-1] >= MOSTLY and truncated[0] < HALF:
        yield Finding(
            "Collapsed",
            "flag",
            f"completions that the length limit cuts off grew from {truncated[0]:.0%} to {truncated[-1]:.0%}.",
            "Lower the learning rate, raise model.max_completion_length, or shape the reward by SoftOverlong.",
        )


def _without_templates(run: Run, epoch: int) -> Finding | None:
    """That templates made the reward of an epoch, which fell as they went: no bare figure is half of what it was."""
    asked, asked_last = (run.questions.get(number, []) for number in (epoch, run.epochs - 1))
    share, share_last = templated_share(asked), templated_share(asked_last)
    pairs = [pair for pair in (bare_accuracies(asked, asked_last), _validated_bare(run, epoch)) if pair]
    if share_last >= share or any(last < HALF * first for first, last in pairs):
        return None
    rewards, bare = run.summary["reward"], [f" (bare {first:.0%} → {last:.0%})" for first, last in pairs[:1]]
    return Finding(
        "Templates gone",
        "plain",
        f"the training reward fell from {rewards[epoch]:.3f} in epoch {epoch} to {rewards[-1]:.3f} at the end, as the "
        f"rollouts under a template went from {share:.0%} to {share_last:.0%}; bare figures did not fall like it"
        f"{''.join(bare)}.",
        "A question that is solved with help alone leaves the hard set, and with fewer hard questions than "
        "evolution.min_hard_set the next epoch is bare: lower it, or raise data.tau.",
    )


def _validated_bare(run: Run, epoch: int) -> tuple[float, float] | None:
    """Bare validation accuracy of an epoch and of the last one, over difficulties; None if either was not validated."""
    first, last = ((run.summary["history"][number] or {}).get("bare") for number in (epoch, -1))
    return (fmean(first.values()), fmean(last.values())) if first and last else None


def _no_signal(run: Run) -> Iterator[Finding]:
    shares = _without_variance(run)
    if shares.get("all wrong", 0.0) >= MOSTLY:
        yield Finding(
            "No signal",
            "flag",
            f"in the last epoch all rollouts of {shares['all wrong']:.0%} of the groups were wrong, so that their "
            "advantages are zero (advantage collapse).",
            "Mix in easier questions, raise data.num_generations, or let evolution find templates that help (a "
            "stronger reflector, a larger evolution.budget). Read completions below: an answer may be right and its "
            "format not.",
        )


def _without_variance(run: Run) -> dict[str, float]:
    """Shares of the last epoch's groups by cause; of a run without a CSV log, as the outcomes of its questions tell."""
    last = run.epochs - 1
    return zero_variance_shares(run.metrics.get(last, {}), "_epoch") or one_sided_shares(run.questions.get(last, []))


def _masked_away(run: Run) -> Iterator[Finding]:
    gaps = [values["context/masked_gap"] for values in run.metrics.values() if "context/masked_gap" in values]
    templated, bare = _accuracy(run, "templated"), _accuracy(run, "bare")
    ahead = 0.0 if templated is None or bare is None else templated - bare
    if gaps and gaps[-1] >= HALF and ahead >= HELPED:
        yield Finding(
            "Masked away",
            "flag",
            f"templates help ({ahead:+.0%} of validation accuracy), and the context mask leaves out {gaps[-1]:.0%} of "
            "what they change, so that the bare policy does not learn it.",
            "Set `low` of model.context to 0, or take Replace.",
        )


def _no_templates(run: Run) -> Iterator[Finding]:
    if run.setting("evolution", "budget") == 0 or run.epochs < 2:
        return
    smallest = run.setting("evolution", "min_hard_set") or 0
    scored = [evolution for evolution in run.evolutions if evolution.figures["best_dev_scores"]]
    if scored and not any(evolution.figures["bank"] for evolution in scored):
        rejected = sum(sum(evolution.figures["rejections"].values()) for evolution in scored)
        best = max(max(evolution.figures["best_dev_scores"]) for evolution in scored)
        yield Finding(
            "Evolution found nothing",
            "flag",
            f"{len(scored)} evolutions left no template in the bank: the best dev score was {best:.0%}, and "
            f"{rejected} proposals were rejected before they were tried.",
            "Read the replies in the evolution section. A stronger reflector, a larger evolution.budget or mini-batch, "
            "or more completions for each comparison may find what this one did not.",
        )
    elif not scored and max(run.summary["hard_set"][:-1]) >= max(1, smallest):
        reasons = "; ".join(f"after epoch {e.epoch}: {e.figures['stopped']}" for e in run.evolutions)
        yield Finding(
            "Evolution found nothing",
            "flag",
            f"no evolution scored a template{f' ({reasons})' if reasons else ''}.",
            "Raise evolution.budget: it must pay for one template on the dev questions.",
        )


def _works(run: Run) -> Iterator[Finding]:
    change = accuracy_change(run)
    if change is not None and change.low > 0:
        hard = run.summary["hard_set"]
        yield Finding(
            "Works",
            "good",
            f"the validation accuracy of the bare prompt rose by {100 * change.mean:.1f} points "
            f"[{100 * change.low:.1f}, {100 * change.high:.1f}] from epoch 0 to epoch {run.epochs - 1}, and the hard "
            f"questions went from {hard[0]} to {hard[-1]}.",
        )


def _saturated(run: Run) -> Iterator[Finding]:
    shares = _without_variance(run)
    accuracy, solved = _accuracy(run, "bare"), shares.get("all right", 0.0)
    if solved >= MOSTLY or (accuracy is not None and accuracy >= ALL_SOLVED):
        said = [f"all rollouts of {solved:.0%} of the groups were right in the last epoch"] if solved >= HALF else []
        said += [f"validation is at {accuracy:.0%}"] if accuracy is not None else []
        yield Finding(
            "Saturated",
            "plain",
            f"{' and '.join(said)}: these questions have nothing left to teach.",
            "Stop here, or go on with harder questions.",
        )


def _cut_off(run: Run) -> Iterator[Finding]:
    truncated = run.summary.get("truncated", [])
    if truncated and truncated[-1] > THIRD:
        yield Finding(
            "Cut off",
            "flag",
            f"the length limit cut off {truncated[-1]:.0%} of the last epoch's training completions.",
            "Raise model.max_completion_length; what is cut off counts as wrong, whatever it would have said.",
        )


def accuracy_change(run: Run) -> Estimate | None:
    """The change of bare validation accuracy from the first to the last epoch, paired by question; None without."""
    if 0 not in run.validation or run.epochs < 2 or run.epochs - 1 not in run.validation:
        return None
    first, last = (_bare(run.validation[epoch]) for epoch in (0, run.epochs - 1))
    pairs = [last[id] - first[id] for id in first if id in last]
    return estimate(pairs) if pairs else None


def _change_in_words(run: Run) -> str:
    change = accuracy_change(run)
    if change is None:
        return "is not known"
    return f"changed by {100 * change.mean:+.1f} points [{100 * change.low:+.1f}, {100 * change.high:+.1f}]"


def _bare(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {row["id"]: float(row["correct"]) for row in rows if row["context"] == "bare"}


def _accuracy(run: Run, context: str) -> float | None:
    """Validation accuracy after the last epoch: over the questions, or over difficulties where these were not kept."""
    rows = [row["correct"] for row in run.validation.get(run.epochs - 1, []) if row["context"] == context]
    means = (run.summary["history"][-1].get(context) or {}).values()
    return fmean(rows or means) if rows or means else None
