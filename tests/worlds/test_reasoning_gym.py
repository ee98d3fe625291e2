import re

import pytest

from p2o.errors import InputError
from p2o.rewards.base import GradingInput
from p2o.types import Outcome, Question
from p2o.worlds import ReasoningGymQuestions, ReasoningGymScore

pytest.importorskip("reasoning_gym")


def graded(reward, question, *texts):
    return reward.grade([GradingInput(question, text) for text in texts])


def test_the_same_arguments_make_the_same_questions():
    first, again, other = (ReasoningGymQuestions("leg_counting", 5, seed).load() for seed in (0, 0, 1))
    assert first == again and [q.text for q in first] != [q.text for q in other]
    assert len({q.id for q in [*first, *other]}) == 10


@pytest.mark.parametrize("task", ["leg_counting", "basic_arithmetic", "countdown"])
def test_another_seed_does_not_make_the_same_questions_in_another_place(task):
    """The package seeds question i by seed + i."""
    texts = [{q.text for q in ReasoningGymQuestions(task, 100, seed).load()} for seed in (0, 1, 50)]
    assert all(len(texts[a] & texts[b]) < 10 for a, b in ((0, 1), (0, 2), (1, 2)))


def test_questions_of_another_source_are_refused_before_training():
    [question] = ReasoningGymQuestions("leg_counting", 1).load()
    assert ReasoningGymScore().refuse(question) == ""
    assert "ReasoningGymQuestions alone" in ReasoningGymScore().refuse(Question("a", "1+1?", "2"))


def test_settings_reach_the_task_and_its_scorer():
    questions = ReasoningGymQuestions("basic_arithmetic", 3, settings={"min_digits": 5, "max_digits": 5}).load()
    assert all(min(map(len, re.findall(r"\d+", q.text))) == 5 for q in questions)
    [grade] = graded(ReasoningGymScore(), questions[2], rf"So \boxed{{{questions[2].answer}}}")
    assert (grade.reward, grade.outcome) == (1.0, Outcome.CORRECT)


def test_outcomes():
    [question] = ReasoningGymQuestions("leg_counting", 1).load()
    right, wrong, none = graded(
        ReasoningGymScore(), question, rf"\boxed{{{question.answer}}}", r"\boxed{-1}", question.answer
    )
    assert [right.outcome, wrong.outcome, none.outcome] == [Outcome.CORRECT, Outcome.WRONG, Outcome.NO_ANSWER]
    assert [right.reward, wrong.reward, none.reward] == [1.0, 0.0, 0.0]


def test_many_answers_are_right_where_the_task_says_so():
    """Countdown names one expression, and takes any that has the value; a hostile one is killed."""
    [question] = ReasoningGymQuestions("countdown", 1, seed=3).load()
    reward = ReasoningGymScore(timeout=4.0)
    right, hangs = graded(reward, question, rf"\boxed{{{question.answer}}}", r"\boxed{9**9**9**9}")
    assert right.outcome is Outcome.CORRECT
    assert hangs.outcome in (Outcome.WRONG, Outcome.TIMEOUT, Outcome.ERROR) and hangs.reward == 0.0


def test_a_partial_score_is_a_reward_and_no_success():
    [question] = ReasoningGymQuestions("leg_counting", 1).load()
    [shaped] = graded(ReasoningGymScore(partial=True), question, r"\boxed{-1}")
    assert 0 <= shaped.reward < 1 and shaped.outcome is Outcome.WRONG


@pytest.mark.parametrize(("task", "settings"), [("no_such_task", {}), ("leg_counting", {"legs": 3})])
def test_what_the_package_refuses_is_one_message(task, settings):
    with pytest.raises(InputError, match="reasoning-gym refuses the task"):
        ReasoningGymQuestions(task, 1, settings=settings).load()


def test_other_questions_are_refused():
    with pytest.raises(InputError, match=r"got 'a' from train\.jsonl:1"):
        graded(ReasoningGymScore(), Question("a", "1+1?", "2", origin="train.jsonl:1"), r"\boxed{2}")


@pytest.mark.parametrize("options", [{"correct_at": 0.0}, {"correct_at": 1.5}, {"timeout": 0}])
def test_impossible_settings_are_refused(options):
    with pytest.raises(InputError, match="ReasoningGymScore needs"):
        ReasoningGymScore(**options)
