"""The paper's six evaluation sets by name, and any other by its path."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from p2o.errors import InputError
from p2o.io.tables import read_rows
from p2o.questions.columns import guess_columns, to_questions
from p2o.questions.hub import HubQuestions
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
    "aime25": HubSet("yentinglin/aime_2025", "train", "problem", subset="default"),
    "amc23": HubSet("math-ai/amc23"),
    "math500": HubSet("HuggingFaceH4/MATH-500", question="problem"),
    "minerva_math": HubSet("math-ai/minervamath"),
    "olympiadbench": HubSet("zwhe99/simplerl-OlympiadBench", answer="final_answer"),
}


@dataclass(frozen=True)
class Benchmark:
    """A set of questions to evaluate on, and how often each is asked at which temperature."""

    name: str
    questions: tuple[Question, ...]
    samples: int
    temperature: float


def benchmark_of(name: str, questions: Sequence[Question]) -> Benchmark:
    """The paper's protocol: the mean of 16 samples at T = 0.6 for sets of fewer than 100 questions, else greedy."""
    few = len(questions) < 100
    return Benchmark(name, tuple(questions), samples=16 if few else 1, temperature=0.6 if few else 0.0)


def limited(benchmarks: Sequence[Benchmark], limit: int) -> list[Benchmark]:
    """The benchmarks with their first `limit` questions each; 0 keeps all.

    Raises:
        InputError: Two of them have one name, so that their results could not be told apart.
    """
    names = [benchmark.name for benchmark in benchmarks]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise InputError(f"data.benchmarks: expected names of their own, got {twice[0]!r} twice. Rename a file.")
    return [replace(benchmark, questions=benchmark.questions[: limit or None]) for benchmark in benchmarks]


def load_benchmark(name: str, folder: str = "") -> Benchmark:
    """A benchmark by one of the names in `HUB`, or by the path of a .jsonl or .parquet file.

    Args:
        name: The name or the path. Of a file the usual columns are read: question or problem, answer, id.
        folder: Where `NAME.jsonl` is, for machines without the hub; empty: the hub.
    """
    if name.endswith((".jsonl", ".parquet")):
        return benchmark_of(Path(name).stem, questions_of(Path(name).expanduser()))
    if name not in HUB:
        raise InputError(f"{name!r}: expected a benchmark ({', '.join(HUB)}) or the path of a .jsonl or .parquet file.")
    if folder:
        return benchmark_of(name, questions_of(Path(folder).expanduser() / f"{name}.jsonl"))
    place = HUB[name]
    hub = HubQuestions(place.name, place.split, place.subset, question=place.question, answer=place.answer)
    try:
        return benchmark_of(name, hub.load())
    except InputError as error:
        raise InputError(
            f"{error} Without the hub, name a folder that holds {name}.jsonl: data.benchmark_folder of p2o test, "
            "--evaluation of p2o prepare (which also takes none)."
        ) from error


def questions_of(path: Path) -> list[Question]:
    """The questions of a file with the usual columns."""
    rows = read_rows(path)
    if (first := next(rows, None)) is None:
        raise InputError(f"{path}: expected questions, the file has no rows.")
    return to_questions(str(path), chain([first], rows), guess_columns(f"{path}:{first[0]}", first[1]))
