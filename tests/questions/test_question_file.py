import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from p2o.commands.prepare.sources import read_sources
from p2o.errors import InputError
from p2o.questions.columns import Columns
from p2o.questions.files import QuestionFile
from p2o.rewards import ExactAnswer, GradingInput
from p2o.types import Outcome, Question


def write(folder, *lines, name="train.jsonl"):
    path = folder / name
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def row(**fields):
    return json.dumps({"question": "1+1?", "answer": "2"} | fields)


def rejected(path, **arguments):
    with pytest.raises(InputError) as caught:
        QuestionFile(str(path), **arguments).load()
    return str(caught.value)


def test_jsonl(tmp_path):
    path = write(tmp_path, row(), row(question="2+2?", answer="4", more=[1]))
    assert QuestionFile(str(path)).load() == [
        Question("1", "1+1?", "2", origin=f"{path}:1"),
        Question("2", "2+2?", "4", origin=f"{path}:2"),
    ]


def test_named_columns(tmp_path):
    path = write(tmp_path, '{"problem": "p", "gold": "g", "uid": "u7", "level": 7.5}')
    [question] = QuestionFile(str(path), question="problem", answer="gold", id="uid", difficulty="level").load()
    assert question == Question("u7", "p", "g", "7.5", f"{path}:1")


def test_limit_reads_no_further(tmp_path):
    path = write(tmp_path, row(), row(), "not JSON")
    assert len(QuestionFile(str(path), limit=2).load()) == 2
    with pytest.raises(InputError, match="limit >= 0"):
        QuestionFile(str(path), limit=-1)


def test_byte_order_mark_carriage_returns_and_blank_lines(tmp_path):
    path = write(tmp_path, "\ufeff" + row() + "\r", "\r", "  ", row(question="3?"), "")
    assert [(question.id, question.text) for question in QuestionFile(str(path)).load()] == [("1", "1+1?"), ("4", "3?")]


def test_texts_pass_unharmed(tmp_path):
    text = 'Braces {x} {} \\{ \\boxed{ ``` <think> %s \u2028 \r "数学" ' + "x" * 100_000
    path = write(tmp_path, json.dumps({"question": text, "answer": text}, ensure_ascii=False))
    [question] = QuestionFile(str(path)).load()
    assert question.text == text and question.answer == text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("42", "42"),
        ("-7", "-7"),
        ("0.5", "0.5"),
        ("1e-7", "0.0000001"),
        ("1e22", "10000000000000000000000"),
        ("27.0", "27"),
        ("-3.0", "-3"),
        ("1e23", "100000000000000000000000"),
        ("27.5", "27.5"),
        ('"27.0"', "27.0"),
        ('["1", "2"]', "1, 2"),
    ],
)
def test_numbers_are_taken_as_their_text(tmp_path, answer, text):
    [question] = QuestionFile(str(write(tmp_path, f'{{"question": "q", "answer": {answer}}}'))).load()
    assert question.answer == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "q", ', "expected one JSON object a line, got"),
        ("[1, 2]", "expected one JSON object a line, got '[1, 2]'"),
        ("[" * 100_000, "expected one JSON object a line, got"),
        (b'{"question": "\xff"}', "expected UTF-8 text"),
        ('{"question": "q"}', "expected a column 'answer', found 'question'"),
        ("{}", "expected a column 'question', found none"),
        (row(question=" "), "expected a text in column 'question', got an empty text"),
        (row(question=None), "expected a text in column 'question', got None"),
        (row(question=7), "expected a text in column 'question', got 7"),
        (row(question=["q"]), "expected a text in column 'question', got ['q']"),
        (row(answer=""), "expected a text or a number in column 'answer', got an empty text"),
        (row(answer=None), "expected a text or a number in column 'answer', got None"),
        (row(answer=True), "expected a text or a number in column 'answer', got True"),
        (row(answer=float("nan")), "expected a text or a number in column 'answer', got nan"),
        (row(answer=float("inf")), "expected a text or a number in column 'answer', got inf"),
        (row(answer=[]), "expected a text or a number in column 'answer', got []"),
        (row(answer=["1", 2]), "expected a text or a number in column 'answer', got ['1', 2]"),
        (row(answer={"a": 1}), "expected a text or a number in column 'answer', got {'a': 1}"),
        ('{"question": "q", "answer": ' + "9" * 5000 + "}", "expected one JSON object a line, got"),
        (row(question="a \ud83d b"), "expected text, found half a surrogate pair in 'a \\ud83d b'"),
        (row(answer="\ud800"), "expected text, found half a surrogate pair in '\\ud800'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, line, message):
    path = write(tmp_path, row(), "", line, row())
    said = rejected(path)
    assert said.startswith(f"{path}:3: {message}") and len(said) < 500


def test_a_key_that_stands_twice_in_a_row_is_named(tmp_path):
    path = write(tmp_path, row(), '{"question": "q", "answer": "1", "answer": "2"}')
    assert rejected(path) == (
        f"{path}:2: expected each key once, got 'answer' more than once. Keep one of them, or give the others names of "
        "their own."
    )
    path = write(tmp_path, '{"question": "q", "answer": "1", "more": {"a": 1, "a": 2}}')
    assert len(QuestionFile(str(path)).load()) == 1


def test_a_column_that_stands_twice_is_named(tmp_path):
    table = pa.Table.from_arrays([pa.array(["q"]), *(pa.array([text]) for text in "123")], ["question", *"aab"])
    path = tmp_path / "train.parquet"
    pq.write_table(table, path)
    said = rejected(path, answer="a")
    assert said.startswith(f"{path}: expected each column once, got 'a' more than once.")
    assert [one.answer for one in QuestionFile(str(path), answer="b").load()] == ["3"]
    with pytest.raises(InputError, match="expected each column once, got 'a'"):
        read_sources([str(path)], "", Columns("question", "a"))
    (questions, _), _ = read_sources([str(path)], "", Columns("question", "b"))
    assert [one.answer for one in questions] == ["3"]


def test_duplicate_ids_name_both_lines(tmp_path):
    path = write(tmp_path, row(id="a"), row(id="b"), row(id="a"))
    said = rejected(path, id="id")
    assert said.startswith(f"{path}:3: ") and f"'a', which {path}:1 already has" in said


def test_a_number_and_its_text_are_one_id(tmp_path):
    assert "already has" in rejected(write(tmp_path, row(id="1"), row(id=1)), id="id")


def test_a_null_id_or_difficulty_is_refused(tmp_path):
    path = write(tmp_path, row(id=None, level=None))
    assert "column 'id', got None" in rejected(path, id="id")
    assert "column 'level', got None" in rejected(path, difficulty="level")


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_no_rows(tmp_path, content):
    path = write(tmp_path, content)
    assert rejected(path) == f"{path}: expected questions, the file has no rows."


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_missing_file_and_folder(tmp_path, suffix):
    path = tmp_path / f"none{suffix}"
    assert rejected(path) == f"{path}: expected a readable data file: No such file or directory."
    path.mkdir()
    assert rejected(path) == f"{path}: expected a readable data file: Is a directory."


@pytest.mark.parametrize("name", ["train.csv", "train", "train.json"])
def test_unknown_suffix(tmp_path, name):
    path = write(tmp_path, row(), name=name)
    assert "expected a file that ends in .jsonl or .parquet" in rejected(path)


def parquet(folder, **columns):
    path = folder / "train.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet(tmp_path):
    path = parquet(tmp_path, problem=["p", "q"], answer=[0.5, 2.0], level=pa.array(["easy", "hard"]), waste=[[1], [2]])
    assert QuestionFile(str(path), question="problem", difficulty="level").load() == [
        Question("1", "p", "0.5", "easy", f"{path}:1"),
        Question("2", "q", "2", "hard", f"{path}:2"),
    ]
    assert len(QuestionFile(str(path), question="problem", limit=1).load()) == 1


def test_parquet_row_numbers_go_on_across_batches(tmp_path):
    path = parquet(tmp_path, question=["q"] * 150_000, answer=["a"] * 149_999 + [""])
    assert rejected(path).startswith(f"{path}:150000: ")


def test_parquet_nulls_and_columns(tmp_path):
    path = parquet(tmp_path, question=["q", None], answer=["a", "b"])
    assert rejected(path).startswith(f"{path}:2: expected a text in column 'question', got None")
    assert "expected a column 'gold', found 'question', 'answer'" in rejected(path, answer="gold")


def test_parquet_without_rows(tmp_path):
    path = parquet(tmp_path, question=pa.array([], pa.string()), answer=pa.array([], pa.string()))
    assert rejected(path) == f"{path}: expected questions, the file has no rows."


@pytest.mark.parametrize("content", [b"", b"PAR1", b'{"question": "q"}\n', b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_not_parquet(tmp_path, content):
    path = write(tmp_path, content, name="train.parquet")
    assert rejected(path).startswith(f"{path}: expected a Parquet file that pyarrow can read: ")


def test_truncated_parquet(tmp_path):
    whole = parquet(tmp_path, question=["q"] * 1000, answer=[str(n) for n in range(1000)]).read_bytes()
    for length in range(1, len(whole), len(whole) // 20):
        path = write(tmp_path, whole[:length], name="cut.parquet")
        assert rejected(path).startswith(f"{path}: expected a Parquet file")
    damaged = write(tmp_path, whole[:200] + b"\xff" * 200 + whole[400:], name="damaged.parquet")
    assert str(damaged) in rejected(damaged)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_a_number_of_a_narrow_column_is_what_was_meant(tmp_path, kind):
    numbers = [0.1, 72.0, -2.5, 1234.0, 0.0003]
    path = parquet(tmp_path, question=list("abcde"), answer=pa.array(numbers, kind))
    answers = [question.answer for question in QuestionFile(str(path)).load()]
    assert answers == ["0.1", "72", "-2.5", "1234", "0.0003"]


def test_an_integer_column_that_became_float_has_integers_as_answers(tmp_path):
    path = write(tmp_path, row(answer=72.0))
    [question] = QuestionFile(str(path)).load()
    item = GradingInput(question, "It is \\boxed{72}.")
    assert ExactAnswer().grade([item])[0].outcome is Outcome.CORRECT


def test_answers_that_are_lists_are_told_of_once(tmp_path):
    path = write(tmp_path, row(answer=["2"]), row(answer=["3", "three"]), row(answer=["1", "one"]), row())
    with pytest.warns(UserWarning, match=r"got a list in 2, .* all parts: that of \S+:2 is '3, three'") as warned:
        assert [question.answer for question in QuestionFile(str(path)).load()] == ["2", "3, three", "1, one", "2"]
    assert len(warned) == 1
    with pytest.warns(UserWarning, match="a list in 2"):
        read_sources([str(path)], "", None)
