"""Files that an interrupted write cannot damage."""

import json
import os
from pathlib import Path
from typing import Any

from p2o.errors import InputError


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Writes beside the file and renames, so that readers see the old or the new file and nothing between."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(part, path)


def check_writable(folder: Path) -> None:
    """Refuses an output folder that cannot be made or written to, before anything is spent.

    Raises:
        InputError: Names the folder and what the system says.
    """
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"trainer.default_root_dir: expected a folder that can be written to, {str(folder)!r} is not: "
            f"{error.strerror}. Choose another with --trainer.default_root_dir."
        ) from error
