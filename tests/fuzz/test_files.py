"""Files that people and disks hand to p2o: read, or refused in one message that names the file. Never a traceback."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from untrusted import JSON, ODD, SCALARS, WORDS, cases, damaged, encodable, texts

from p2o.commands.grading import grade_file
from p2o.endpoints.chat import ChatReply, Failure, read_completion
from p2o.errors import InputError
from p2o.io.tables import read_rows, write_parquet
from p2o.policy.checkpoints import load_checkpoint
from p2o.questions import QuestionFile
from p2o.reflectors import ReplayReflector
from p2o.rewards import MathAnswer


def accepted(read, path):
    """What `read` makes of a file; None if it refuses it, by name."""
    try:
        return read()
    except InputError as error:
        assert str(path) in str(error)
        assert len(str(error)) < 2000
        return None


# ---- questions

ROWS = st.fixed_dictionaries(
    {"question": texts(*WORDS, *ODD) | SCALARS, "answer": texts(*WORDS, *ODD) | JSON},
    optional={"id": SCALARS, "level": SCALARS},
)
LINES = st.one_of(
    ROWS.map(json.dumps),
    ROWS.map(lambda row: json.dumps(row, ensure_ascii=False)),
    JSON.map(json.dumps),
    texts(),
)


@cases(120)
@given(st.lists(LINES, max_size=5), st.sampled_from(["", "id"]), st.sampled_from(["", "level"]))
def test_lines_of_questions(tmp_path, lines, id, difficulty):
    path = tmp_path / "questions.jsonl"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    questions = accepted(lambda: QuestionFile(str(path), id=id, difficulty=difficulty).load(), path) or []
    assert len({question.id for question in questions}) == len(questions)
    for question in questions:
        assert question.text.strip() and question.answer.strip() and question.difficulty
        assert all(map(encodable, (question.id, question.text, question.answer, question.difficulty)))


GOOD = "\n".join(
    json.dumps({"question": f"What is {n} + 1?", "answer": n + 1, "id": f"q{n}"}) for n in range(9)
).encode()


@cases(60)
@given(damaged(GOOD))
def test_damaged_lines_of_questions(tmp_path, content):
    path = tmp_path / "questions.jsonl"
    path.write_bytes(content)
    accepted(lambda: QuestionFile(str(path), id="id").load(), path)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    import pyarrow as pa

    path = tmp_path_factory.mktemp("good") / "questions.parquet"
    schema = pa.schema([("question", pa.string()), ("answer", pa.string())])
    write_parquet(path, [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(50)], schema)
    return path.read_bytes()


@cases(60)
@given(st.data())
def test_damaged_tables_of_questions(tmp_path, parquet, data):
    path = tmp_path / "questions.parquet"
    path.write_bytes(data.draw(damaged(parquet)))
    accepted(lambda: QuestionFile(str(path)).load(), path)


# ---- completions to grade

TO_GRADE = st.fixed_dictionaries(
    {"completion": texts("\\boxed{42}", *WORDS, *ODD) | SCALARS, "answer": st.just("42") | SCALARS},
    optional={"truncated": SCALARS, "tokens": SCALARS, "note": JSON},
)


@pytest.fixture(scope="module")
def reward():
    return MathAnswer(timeout=2.0)


@cases(60)
@given(st.lists(TO_GRADE | JSON, max_size=4))
def test_rows_to_grade(tmp_path, reward, rows):
    source, out = tmp_path / "rows.jsonl", tmp_path / "graded.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    out.unlink(missing_ok=True)
    counts = accepted(lambda: grade_file(source, out, reward), source)
    assert out.is_file() == (counts is not None)
    if counts is not None:
        assert len(list(read_rows(out))) == counts.total()


# ---- what an endpoint sends

MESSAGES = st.fixed_dictionaries(
    {}, optional={"content": texts() | JSON, "role": SCALARS, "reasoning_content": texts()}
)
CHOICES = st.fixed_dictionaries(
    {"message": MESSAGES | JSON},
    optional={
        "finish_reason": st.sampled_from(["stop", "length", "content_filter", "max_tokens", "tool_calls"]) | SCALARS
    },
)
USAGE = st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "total_tokens"]), SCALARS)
BODIES = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, max_size=2) | JSON}, optional={"usage": USAGE | JSON, "error": JSON, "id": SCALARS}
)


@cases(200)
@given(
    st.one_of(BODIES.map(json.dumps), JSON.map(json.dumps), texts()).map(lambda s: s.encode("utf-8", "surrogatepass"))
)
def test_bodies_of_replies(body):
    reply = read_completion(body)
    if isinstance(reply, Failure):
        assert reply.cause and reply.advice and len(reply.detail) < 2000
        return
    assert isinstance(reply, ChatReply) and isinstance(reply.truncated, bool)
    assert reply.content is None or encodable(reply.content)
    assert 0 <= reply.usage.prompt_tokens < 10**9 and 0 <= reply.usage.completion_tokens < 10**9


@cases(60)
@given(st.binary(max_size=40) | damaged(b'{"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}'))
def test_damaged_bodies_of_replies(body):
    assert isinstance(read_completion(body), ChatReply | Failure)


# ---- recordings and checkpoints

PROPOSAL = {"template": "Go slowly.", "rejection": "", "reply": "r", "prompt": "p"}
RECORDING = "\n".join(json.dumps({"key": f"{n:016x}", "proposal": PROPOSAL}) for n in range(3)).encode()


@cases(40)
@given(damaged(RECORDING) | st.lists(JSON.map(json.dumps), max_size=3).map(lambda lines: "\n".join(lines).encode()))
def test_damaged_recordings(tmp_path, content):
    path = tmp_path / "recording.jsonl"
    path.write_bytes(content)
    accepted(lambda: ReplayReflector(str(path)), path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> bytes:
    path: Path = tmp_path_factory.mktemp("good") / "last.ckpt"
    meta = {"model": "m", "config": {}, "rollouts": {"train": 1}}
    torch.save({"state_dict": {"policy.w": torch.arange(6.0)}, "p2o": meta, "epoch": 2}, path)
    return path.read_bytes()


@cases(60)
@given(st.data())
def test_damaged_checkpoints(tmp_path, checkpoint, data):
    path = tmp_path / "last.ckpt"
    path.write_bytes(data.draw(damaged(checkpoint)))
    accepted(lambda: load_checkpoint(path), path)
