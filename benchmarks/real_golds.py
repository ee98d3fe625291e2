r"""Verifies every gold answer of data files against itself: `python benchmarks/real_golds.py FILE.jsonl ...`.

By math-verify alone: MathAnswer would see at once that the two are one text. Prints the golds that do not parse (they
can only be matched letter by letter) and those that parse and are not equal to themselves.
"""

import argparse
from functools import partial
from pathlib import Path

from p2o.io.tables import read_rows
from p2o.rewards.boxed import unbox
from p2o.rewards.math_answer import Comparison, compare, parses
from p2o.rewards.worker import WorkerPool


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    arguments = parser.parse_args()
    pool = WorkerPool(deadline=10, workers=1, imports=["math_verify"])
    for file in arguments.files:
        rows = [row for _, row in read_rows(file)]
        golds = list(dict.fromkeys(gold for row in rows if (gold := unbox(str(row["answer"])))))
        parsed = [gold for gold, reads in zip(golds, pool.map(parses, golds), strict=True) if reads is True]
        verdicts = pool.map(partial(compare, set_relations=False), [Comparison(gold, gold) for gold in parsed])
        odd = [(gold, verdict) for gold, verdict in zip(parsed, verdicts, strict=True) if verdict is not True]
        print(f"{file.name}: {len(rows)} rows, {len(golds)} golds, {len(parsed)} parse, {len(odd)} not equal to itself")
        for gold, verdict in odd:
            print(f"  not equal: {gold!r} ({verdict})")
        for gold in golds:
            if gold not in set(parsed):
                print(f"  does not parse: {gold!r}")


if __name__ == "__main__":
    main()
