from factories import rollout
from p2o.run_folder.log_columns import LogColumns


def test_a_file_has_its_own_columns_and_kinds():
    rows = LogColumns(("epoch", "id", "correct", "tokens", "reward", "outcome"))
    found = rows.row(rollout(True, number=3), epoch=2, context="bare")
    assert found == {"epoch": 2, "id": "q3", "correct": True, "tokens": 2, "reward": 1.0, "outcome": "correct"}
    kinds = {field.name: str(field.type) for field in rows.schema()}
    assert kinds == {
        "epoch": "int32", "id": "string", "correct": "bool", "tokens": "int32", "reward": "float", "outcome": "string"
    }  # fmt: skip
