"""Texts that UTF-8 cannot hold, and tables that are larger than one batch."""

import json

import pyarrow as pa

from p2o.io.files import write_json
from p2o.io.tables import ROW_GROUP, read_rows, write_jsonl, write_parquet

HALF = "a \ud83d b"  # what is left of an emoji that was cut in two, as JSON can bring it in
SCHEMA = pa.schema([("text", pa.string()), ("texts", pa.list_(pa.string()))])


def test_halves_of_surrogate_pairs_come_back_from_json(tmp_path):
    write_json(tmp_path / "a.json", {"text": HALF})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"text": HALF}
    write_jsonl(tmp_path / "a.jsonl", [{"text": HALF}, {"text": "é"}])
    assert [row for _, row in read_rows(tmp_path / "a.jsonl")] == [{"text": HALF}, {"text": "é"}]


def test_parquet_spells_them_out(tmp_path):
    write_parquet(tmp_path / "a.parquet", [{"text": HALF, "texts": ["é", HALF]}], SCHEMA)
    assert [row for _, row in read_rows(tmp_path / "a.parquet")] == [
        {"text": "a \\ud83d b", "texts": ["é", "a \\ud83d b"]}
    ]


def test_a_table_is_written_in_batches_and_whole(tmp_path):
    rows = ({"text": str(number), "texts": []} for number in range(ROW_GROUP + 5))
    write_parquet(tmp_path / "a.parquet", rows, SCHEMA)
    assert [row["text"] for _, row in read_rows(tmp_path / "a.parquet")] == [str(n) for n in range(ROW_GROUP + 5)]


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    write_parquet(tmp_path / "a.parquet", [], SCHEMA)
    assert list(read_rows(tmp_path / "a.parquet", lambda names: names if names == ["text", "texts"] else [])) == []
