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
        blocks += [Text(finding.text, finding.tone) for finding in findings(run)]
    return Section("verdict", "Verdict", "Did it work, and what should be tried next?", blocks)
