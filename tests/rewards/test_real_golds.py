"""Gold answers of real data sets verify against themselves; `benchmarks/real_golds.py` tries all of them."""

from functools import partial
from pathlib import Path

import pytest

from p2o.io.tables import read_rows
from p2o.rewards.boxed import unbox
from p2o.rewards.math_answer import Comparison, compare, parses
from p2o.rewards.mathematics.plain import integer
from p2o.rewards.worker import WorkerPool

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real questions are not at {DATA}")
def test_golds_that_parse_are_equal_to_themselves():
    answers = [unbox(str(row["answer"])) for path in sorted(DATA.rglob("*.jsonl")) for _, row in read_rows(path)]
    golds = [gold for gold in dict.fromkeys(answers) if gold and not integer(gold)]
    assert len(golds) > 3000
    some = golds[::60]
    pool = WorkerPool(deadline=20, workers=1, imports=["math_verify"])
    parsed = [gold for gold, reads in zip(some, pool.map(parses, some), strict=True) if reads is True]
    assert len(parsed) >= 0.95 * len(some)
    verdicts = pool.map(partial(compare, set_relations=False), [Comparison(gold, gold) for gold in parsed])
    assert {gold for gold, equal in zip(parsed, verdicts, strict=True) if equal is not True} == set()
