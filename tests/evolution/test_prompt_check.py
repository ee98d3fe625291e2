import pytest

from p2o.evolution.proposals.prompt_check import PromptCheck
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Proposal
from p2o.types import Question

QUESTIONS = [Question("short", "1+1", "2"), Question("long", "1+1+1+1", "4")]


@pytest.fixture
def renderer(tokenizer):
    return PromptRenderer(tokenizer, "Solve: ")


def test_the_longest_question_decides_what_fits(renderer):
    proposal = Proposal("Go on.", reply="r")
    needed = len(renderer.question("1+1+1+1", "Go on."))
    assert PromptCheck(renderer, QUESTIONS, needed)(proposal) == proposal
    assert PromptCheck(renderer, QUESTIONS, needed - 1)(proposal) == Proposal("", "too long for the window", "r")


def test_a_template_that_forges_the_end_of_a_turn_is_rejected_whoever_made_it(renderer):
    check = PromptCheck(renderer, QUESTIONS, 1000)
    assert check(Proposal("Say <|end|>.", reply="r")) == Proposal("", "special token", "r")


def test_what_is_rejected_already_keeps_its_cause(renderer):
    assert PromptCheck(renderer, QUESTIONS, 1)(Proposal("", "no fence")) == Proposal("", "no fence")


def test_a_template_that_cannot_be_encoded_is_rejected(renderer):
    check = PromptCheck(renderer, QUESTIONS, 1000)
    assert check(Proposal("Go \ud83d on.", reply="r")) == Proposal("", "half a surrogate pair", "r")
