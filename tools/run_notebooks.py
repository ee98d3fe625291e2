"""Runs notebooks and stores what they print and draw: `python -m tools.run_notebooks notebooks/*.ipynb`.

Live bars, log lines and the versions of the machine are left out, so that a notebook changes with its code alone.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def run(path: Path) -> None:
    """Runs a notebook from top to bottom, and writes it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=None, record_timing=False, coalesce_streams=True).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [kept(output) for output in cell.outputs if is_kept(output)]
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)


def is_kept(output: nbformat.NotebookNode) -> bool:
    """Whether an output was printed or drawn."""
    return output.get("name") == "stdout" or "image/png" in output.get("data", {})


def kept(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The output; of a figure the picture alone."""
    if "data" in output:
        output.data = {"image/png": output.data["image/png"]}
    return output


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name))
