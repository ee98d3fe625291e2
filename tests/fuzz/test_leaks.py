"""The leak guard: any text is judged, and what holds a question as it stands never passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from untrusted import cases, texts

from p2o.evolution.proposals.leak_guard import LeakGuard
from p2o.reflectors import Proposal
from p2o.types import Question


def passes(guard, text):
    return bool(guard(Proposal(text)).template)


@cases(60)
@given(st.lists(st.tuples(texts(), texts()), max_size=4), texts().filter(str.strip))
def test_any_text_is_judged(questions, template):
    guard = LeakGuard([Question(f"q{n}", text, answer) for n, (text, answer) in enumerate(questions)])
    judged = guard(Proposal(template))
    assert judged.template == template or (judged.template == "" and judged.rejection)


WORDS = st.lists(st.text("abcdefghij", min_size=2, max_size=7), min_size=8, max_size=40, unique=True).map(" ".join)
SIGNS = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA0)
CHINESE = st.lists(SIGNS, min_size=24, max_size=60, unique=True).map("".join)
WRITTEN = st.sampled_from(["{}", "{:,}"])
PUT = ["{}", "Note: {}", "A.\n\n{}\n\nB.", "**{}**", "«{}»", "{}?"]


@cases(60)
@given(st.one_of(WORDS, CHINESE), st.sampled_from(PUT), st.sampled_from([str, str.upper, str.title]))
def test_a_question_as_it_stands_never_passes(question, put, spelling):
    guard = LeakGuard([Question("q", question, "5")])
    assert passes(guard, "Work in steps, and check each one.")
    assert not passes(guard, put.format(spelling(question)))


@cases(60)
@given(
    st.integers(10**6, 10**12), st.sampled_from(["{}", "{:,}"]), st.sampled_from(["{}", "{:,}"]), st.sampled_from(PUT)
)
def test_a_telling_answer_never_passes(answer, gold, said, put):
    guard = LeakGuard([Question("q", "?", gold.format(answer))])
    assert not passes(guard, put.format(f"The answer is {said.format(answer)} here."))
    assert passes(guard, put.format(f"The answer is {said.format(answer + 1)} here."))


@pytest.mark.parametrize("questions", [[], [Question("q", "", "")]])
def test_nothing_to_guard(questions):
    assert passes(LeakGuard(questions), "x")
