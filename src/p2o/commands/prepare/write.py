"""Writes prepared data: Parquet files, the data card, and the list of what was left out."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from p2o.commands.prepare.card import card_lines
from p2o.commands.prepare.pipeline import Prepared
from p2o.io.files import write_json, write_text
from p2o.io.folders import new_folder
from p2o.io.tables import write_jsonl, write_parquet


def write(out: Path, prepared: Prepared, card: dict[str, Any]) -> dict[str, Any]:
    """Makes the folder `out`, which appears when it is complete; returns the card with the files' hashes.

    Raises:
        InputError: `out` holds something already, or cannot be written.
    """
    with new_folder(out, "the data") as folder:
        card = card | {"parts": _write_parts(folder, prepared)}
        write_jsonl(folder / "left_out.jsonl", map(asdict, prepared.left_out))
        write_json(folder / "card.json", card)
        write_text(folder / "README.md", "\n".join(card_lines(card)) + "\n")
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
    """The SHA-256 digest of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
