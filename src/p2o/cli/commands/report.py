"""The command line of `p2o report`."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from p2o.cli.parser import OneMessage
from p2o.errors import InputError
from p2o.io.files import write_text
from p2o.run_folder.paths import RunPaths


def report_command(words: Sequence[str]) -> None:
    """Writes a report of one run, or of several side by side: one HTML file that needs no network."""
    parser = OneMessage("p2o report", description=report_command.__doc__)
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="folder of a run: its trainer.default_root_dir"
    )
    parser.add_argument(
        "--out", type=Path, default=None, help="the file to make; report.html in the first run's folder"
    )
    options = parser.parse_args(list(words))
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("p2o report needs matplotlib: pip install 'p2o[report]'.")
    from p2o.commands.report.page import render
    from p2o.commands.report.runs import load_runs
    from p2o.commands.report.sections import SECTIONS

    runs = load_runs(options.runs)
    out = options.out or RunPaths(options.runs[0]).report
    if not out.parent.is_dir():
        raise InputError(f"{out}: expected a file in a folder that exists, {out.parent} does not.")
    title = "p2o report: " + ", ".join(run.name for run in runs)
    write_text(out, render(title, [section(runs) for section in SECTIONS]))
    print(f"Wrote {out}.")
