"""What became of each run, in words."""

from collections.abc import Sequence

from p2o.commands.report.blocks import Block, Heading, Section, Text
from p2o.commands.report.runs import Run
from p2o.commands.report.verdict import findings


def verdict(runs: Sequence[Run]) -> Section:
    """Says of each run whether it works, collapsed, is saturated or found nothing, and what to try."""
    blocks: list[Block] = []
    for run in runs:
        blocks += [Heading(run.name)] if len(runs) > 1 else []
        blocks += _unfinished(run)
        blocks += [Text(finding.text, finding.tone) for finding in findings(run)]
    return Section("verdict", "Verdict", "Did it work, and what should be tried next?", blocks)


def _unfinished(run: Run) -> list[Block]:
    """That a run goes on, or was ended before its last epoch; nothing of one that has come to its end."""
    if run.summary.get("finished", True):
        return []
    epochs = run.setting("trainer", "max_epochs")
    done = f"{run.epochs} of {epochs}" if isinstance(epochs, int) and epochs > 0 else str(run.epochs)
    return [Text(f"The run has not come to its end. Epochs done: {done}; all that follows is as of then.", "flag")]
