import random

import pytest

from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.prompt import render_examples
from p2o.reflectors.truncation import SHORTEST, common_limit, excerpt, fit_examples


@pytest.mark.parametrize(
    ("lengths", "room", "limit"),
    [
        ([10, 20, 30], 60, 30),  # all whole
        ([10, 20, 30], 50, 20),  # 10 + 20 + 20
        ([10, 20, 30], 40, 15),  # 10 + 15 + 15
        ([30, 10, 20], 40, 15),
        ([10, 20, 30], 15, 5),
        ([10, 20, 30], 2, 0),
        ([10, 20, 30], -5, 0),
        ([], 5, 0),
    ],
)
def test_the_common_limit_worked_by_hand(lengths, room, limit):
    assert common_limit(lengths, room) == limit


def test_the_common_limit_is_the_largest():
    rng = random.Random(0)
    for _ in range(300):
        lengths = [rng.randint(1, 50) for _ in range(rng.randint(1, 6))]
        room = rng.randint(0, 200)
        limit = common_limit(lengths, room)
        assert sum(min(length, limit) for length in lengths) <= room
        if limit < max(lengths):
            assert sum(min(length, limit + 1) for length in lengths) > room


def test_an_excerpt_has_the_start_the_end_and_the_count_between(tokenizer):
    text = "a" * 50 + "b" * 100 + "c" * 50
    assert excerpt(text, 200, tokenizer) == text
    assert excerpt(text, 100, tokenizer) == "a" * 40 + "\n[... 120 tokens left out ...]\n" + "c" * 40


def test_a_cut_within_a_character_leaves_no_trace(tokenizer):
    cut = excerpt("日本語" * 50, 100, tokenizer)  # three tokens a character
    assert "\ufffd" not in cut and cut.startswith("日本語") and cut.endswith("日本語")


def fitted(outputs, room, tokenizer, inputs="q"):
    job = ReflectionJob("Go.", tuple(Example(inputs, output, "f") for output in outputs))
    return fit_examples(
        job, lambda job: render_examples(job.examples), lambda text: len(tokenizer.encode(text)) - room, tokenizer
    )


def test_what_fits_stays_as_it_is(tokenizer):
    text = fitted(["a" * 100, "b"], 1000, tokenizer)
    assert "a" * 100 in text and "left out" not in text


@pytest.mark.parametrize("room", [300, 500, 1000, 2000])
def test_it_fits_and_wastes_little(tokenizer, room):
    text = fitted(["a" * 3000, "short", "c" * 700], room, tokenizer)
    length = len(tokenizer.encode(text))
    assert 0.6 * room < length <= room
    assert "short" in text or text.count("# Example") < 3


def test_examples_go_from_the_end_when_excerpts_get_too_short(tokenizer):
    text = fitted(["a" * 500, "b" * 500, "c" * 500], 2 * SHORTEST + 160, tokenizer)
    assert "aaa" in text and "ccc" not in text


def test_what_never_fits_is_none(tokenizer):
    assert fitted(["short"], 100, tokenizer, inputs="q" * 500) is None
    assert fitted([], -1, tokenizer) is None
