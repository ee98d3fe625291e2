"""The paper's six evaluation sets by name, and any other by its path."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from p2o.errors import InputError
from p2o.questions.hub import HubQuestions
from p2o.questions.rows import guess_columns, to_questions
from p2o.tables import read_rows
from p2o.types import Question


@dataclass(frozen=True)
class HubSet:
    """Where the hub has a set, and its columns."""

    name: str
    split: str = "test"
    question: str = "question"
    answer: str = "answer"
    subset: str = ""


HUB = {
    "aime24": HubSet("HuggingFaceH4/aime_2024", "train", "problem"),
    "aime25": HubSet("yentinglin/aime_2025", "train", "problem"),
    "amc23": HubSet("zwhe99/amc23"),
    "math500": HubSet("HuggingFaceH4/MATH-500", question="problem"),
    "minerva_math": HubSet("math-ai/minervamath"),
    "olympiadbench": HubSet("zwhe99/simplerl-OlympiadBench", question="question", answer="final_answer"),
}


@dataclass(frozen=True)
class Benchmark:
    """A set of questions to evaluate on; `name` is its column in tables."""

    name: str
    questions: tuple[Question, ...]


def load_benchmark(name: str, folder: str = "") -> Benchmark:
    """A benchmark by one of the names in `HUB`, or by the path of a .jsonl or .parquet file.

    Args:
        name: The name or the path. Of a file the usual columns are read: question or problem, answer, id.
        folder: Where `NAME.jsonl` is, for machines without the hub; empty: the hub.
    """
    if name.endswith((".jsonl", ".parquet")):
        return Benchmark(Path(name).stem, tuple(questions_of(Path(name).expanduser())))
    if name not in HUB:
        raise InputError(f"{name!r}: expected a benchmark ({', '.join(HUB)}) or the path of a .jsonl or .parquet file.")
    if folder:
        return Benchmark(name, tuple(questions_of(Path(folder).expanduser() / f"{name}.jsonl")))
    place = HUB[name]
    hub = HubQuestions(place.name, place.split, place.subset, question=place.question, answer=place.answer)
    return Benchmark(name, tuple(hub.load()))


def questions_of(path: Path) -> list[Question]:
    """The questions of a file with the usual columns."""
    rows = read_rows(path)
    if (first := next(rows, None)) is None:
        raise InputError(f"{path}: expected questions, the file has no rows.")
    return to_questions(str(path), chain([first], rows), guess_columns(f"{path}:{first[0]}", first[1]))
