r"""Compares MathAnswer with math-verify's own test pairs: `python benchmarks/public_pairs.py FOLDER`.

FOLDER is `tests` of math-verify's source distribution, which its wheel leaves out:
`pip download --no-deps --no-binary :all: math-verify==0.9.0`. Each prediction goes into a box unless it has one, since
nothing else is graded. Prints every pair on which the verdicts differ.
"""

import argparse
import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from p2o.rewards import GradingInput, MathAnswer
from p2o.types import Outcome, Question


@dataclass(frozen=True)
class Pair:
    """A test case of math-verify; `settings` are arguments of its comparison that are not the default."""

    file: str
    gold: str
    prediction: str
    equal: bool
    settings: tuple[str, ...]

    @property
    def completion(self) -> str:
        """The prediction with a box around it."""
        return self.prediction if "\\boxed" in self.prediction else f"\\boxed{{{self.prediction}}}"


def read_pairs(file: Path) -> Iterator[Pair]:
    """The rows of `parametrize("gold, pred, expected, ...", [...])`."""
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match call:
            case ast.Call(args=[ast.Constant(value=str(names)), ast.List(elts=rows)]):
                columns = [name.strip() for name in names.split(",")]
                if columns[:2] == ["gold", "pred"]:
                    # Some predictions are computed by the test file itself, which is not run here.
                    literal = (row for row in rows if not any(isinstance(n, ast.JoinedStr) for n in ast.walk(row)))
                    for row in literal:
                        yield to_pair(file.name, dict(zip(columns, ast.literal_eval(row), strict=True)))


def to_pair(file: str, row: dict[str, str | int | bool]) -> Pair:
    """A row of a test table as a pair."""
    equal = row.get("expected", row.get("result"))
    settings = tuple(f"{name}={row[name]}" for name in row if name not in ("gold", "pred", "expected", "result"))
    return Pair(file, str(row["gold"]), str(row["pred"]), bool(equal), settings)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    pairs = [pair for file in sorted(arguments.folder.glob("test_*.py")) for pair in read_pairs(file)]
    grades = MathAnswer(timeout=20).grade(
        [GradingInput(Question("", "", pair.gold), pair.completion) for pair in pairs]
    )
    kinds: Counter[str] = Counter()
    for pair, grade in zip(pairs, grades, strict=True):
        agrees = (grade.outcome is Outcome.CORRECT) == pair.equal
        kinds["agree" if agrees else f"expected {'equal' if pair.equal else 'different'}, got {grade.outcome}"] += 1
        if not agrees:
            print(f"{pair.file} {grade.outcome} {' '.join(pair.settings)}\n  {pair.gold!r}\n  {pair.completion!r}")
    print(f"{len(pairs)} pairs: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))


if __name__ == "__main__":
    main()
