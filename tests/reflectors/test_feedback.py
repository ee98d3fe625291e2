import pytest

from p2o.reflectors.feedback import feedback, to_example
from p2o.types import Completion, Grade, Outcome, Question, Rollout

QUESTION = Question("q", text="What is {x} in 100%? {0}", answer="\\frac{1}{2}")


def graded(outcome, extracted=""):
    reward = float(outcome is Outcome.CORRECT)
    return Rollout(
        QUESTION, "z", (), Completion((), truncated=False), "So {y} it is.", Grade(reward, outcome, extracted)
    )


def test_an_example_is_the_bare_message_the_completion_and_the_verdict():
    example = to_example(graded(Outcome.WRONG, "2"), instruction="Box it: \\boxed{}.\nQuestion: ")
    assert example.inputs == "Box it: \\boxed{}.\nQuestion: What is {x} in 100%? {0}"
    assert example.outputs == "So {y} it is."
    assert example.feedback == ("The final answer is wrong.\nIt was read as: 2\nThe correct answer is: \\frac{1}{2}")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.CORRECT, "is correct"),
        (Outcome.WRONG, "is wrong"),
        (Outcome.NO_ANSWER, "No final answer was found in the required form"),
        (Outcome.TRUNCATED, "cut off at the length limit"),
        (Outcome.TIMEOUT, "took too long"),
        (Outcome.ERROR, "could not be judged"),
    ],
)
def test_each_outcome_has_its_verdict_and_the_answer(outcome, words):
    text = feedback(graded(outcome))
    assert words in text
    assert text.endswith("The correct answer is: \\frac{1}{2}")


@pytest.mark.parametrize("outcome", Outcome)
def test_the_answer_can_be_hidden(outcome):
    assert "frac" not in feedback(graded(outcome, extracted="2"), show_answer=False)
