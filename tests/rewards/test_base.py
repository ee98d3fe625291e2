"""A reward of one's own that breaks its contract is named, wherever it is asked."""

import json

import pytest

from p2o.commands.grading import grade_file
from p2o.errors import InputError
from p2o.rewards import GradingInput, MathAnswer, Reward, SoftOverlong, grade_checked
from p2o.types import Question


class First(Reward):
    """Grades the first completion alone."""

    def grade(self, answered):
        return MathAnswer().grade(answered)[:1]


ANSWERED = [GradingInput(Question("q", "?", "5"), r"\boxed{5}", False, 3)] * 3
MESSAGE = r"test_base\.First\.grade: expected one grade for each of 3 completions, in order, got 1"


def test_a_grade_for_each():
    assert len(grade_checked(MathAnswer(), ANSWERED)) == 3


@pytest.mark.parametrize("reward", [First(), SoftOverlong(First(), 100, 20)])
def test_too_few_name_the_reward(reward):
    with pytest.raises(InputError, match=MESSAGE):
        grade_checked(reward, ANSWERED)


def test_of_a_file(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text((json.dumps({"answer": "5", "completion": "5"}) + "\n") * 3)
    with pytest.raises(InputError, match=MESSAGE):
        grade_file(rows, tmp_path / "out.jsonl", First())
    assert not (tmp_path / "out.jsonl").exists()
