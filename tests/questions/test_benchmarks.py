import json

import pytest

from p2o.errors import InputError
from p2o.questions import benchmarks
from p2o.questions.benchmarks import HUB, benchmark_of, load_benchmark
from p2o.questions.hub import HubQuestions
from p2o.types import Question


def write(path, count, **names):
    names = {"question": "problem", "answer": "answer"} | names
    rows = [{"id": f"q{n}", names["question"]: f"{n}?", names["answer"]: str(n)} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(("count", "samples", "temperature"), [(99, 16, 0.6), (100, 1, 0.0)])
def test_the_protocol_of_the_paper(count, samples, temperature):
    benchmark = benchmark_of("x", [Question(str(n), "?", "1") for n in range(count)])
    assert (len(benchmark.questions), benchmark.samples, benchmark.temperature) == (count, samples, temperature)


def test_by_path_and_by_name_in_a_folder(tmp_path):
    path = write(tmp_path / "own.jsonl", 2, question="question", answer="final_answer")
    assert load_benchmark(str(path)).name == "own"
    write(tmp_path / "aime24.jsonl", 3)
    benchmark = load_benchmark("aime24", str(tmp_path))
    assert benchmark.name == "aime24" and [question.id for question in benchmark.questions] == ["q0", "q1", "q2"]


def test_the_six_sets_of_the_paper(monkeypatch):
    asked = []
    monkeypatch.setattr(HubQuestions, "load", lambda self: asked.append(self.name) or [Question("1", "?", "1")])
    assert [load_benchmark(name).name for name in HUB] == list(HUB)
    assert len(HUB) == 6 and asked == [place.name for place in HUB.values()]


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="expected a benchmark"):
        load_benchmark("aime")
    (tmp_path / "odd.jsonl").write_text('{"text": "?", "gold": 1}\n')
    with pytest.raises(InputError, match=r"odd.jsonl:1: expected a column 'question' or 'problem' and .* found 'text'"):
        load_benchmark(str(tmp_path / "odd.jsonl"))
    (tmp_path / "none.jsonl").touch()
    with pytest.raises(InputError, match=r"none.jsonl: expected questions, the file has no rows"):
        load_benchmark(str(tmp_path / "none.jsonl"))

    def unreachable(*_, **__):
        raise InputError("The hub cannot be reached.")

    monkeypatch.setattr(benchmarks.HubQuestions, "load", unreachable)
    with pytest.raises(InputError, match=r"cannot be reached. Without the hub, name a folder that holds math500.jsonl"):
        load_benchmark("math500")
