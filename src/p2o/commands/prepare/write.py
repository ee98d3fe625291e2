"""Writes prepared data: Parquet files, the data card, and the list of what was left out."""

import hashlib
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from p2o.commands.prepare.card import markdown
from p2o.commands.prepare.pipeline import Prepared
from p2o.errors import InputError
from p2o.io.files import write_json
from p2o.io.tables import write_jsonl, write_parquet


def write(out: Path, prepared: Prepared, card: dict[str, Any]) -> dict[str, Any]:
    """Makes the folder `out`, which appears when it is complete; returns the card with the files' hashes.

    Raises:
        InputError: `out` holds something already, or cannot be written.
    """
    out = out.expanduser().resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: expected a new or an empty folder for the data, this is a file or holds something.")
    part = out.with_name(f".{out.name}.part-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        card = card | {"parts": _write_parts(part, prepared)}
        write_jsonl(part / "left_out.jsonl", map(asdict, prepared.left_out))
        write_json(part / "card.json", card)
        (part / "README.md").write_text("\n".join(markdown(card)) + "\n", encoding="utf-8")
        os.replace(part, out)
    except OSError as error:
        raise InputError(f"{out}: expected a folder that can be written to: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return card


def _write_parts(folder: Path, prepared: Prepared) -> dict[str, Any]:
    import pyarrow

    # Only what training reads: DeepMath's three solutions are 48 kB a row.
    schema = pyarrow.schema([(name, pyarrow.string()) for name in ("id", "question", "answer", "difficulty")])
    entries = {}
    for name, questions in prepared.parts.items():
        path = folder / f"{name}.parquet"
        rows = [{"id": q.id, "question": q.text, "answer": q.answer, "difficulty": q.difficulty} for q in questions]
        write_parquet(path, rows, schema)
        entries[name] = {"questions": len(questions), "sha256": sha256(path)}
    return entries


def sha256(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
