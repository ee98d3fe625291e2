"""Units beside a number, and words that are none: they say more, so that the number alone is another answer."""

import pytest
from judging import judged

MORE = (
    "millions thousands billions hundreds dozens lakh crore bn mil k tenths thousandths millionths halves thirds "
    "fifths squared doubled twice factorial negative never isn't cannot false impossible excluded above under and/or"
).split()
PHRASES = ["over three", "divided by two", "below zero", "to the third", "or so"]


@pytest.mark.parametrize("words", [*MORE, *PHRASES])
def test_words_that_say_more_are_no_units(words):
    assert not judged("5", rf"5\text{{ {words} }}")


@pytest.mark.parametrize("words", ["millions", "hundredths", "thirds", "tenths", "squared", "factorial"])
def test_they_are_none_without_a_command_and_beside_dollars(words):
    assert not judged("5", f"5 {words}") and not judged("5", f"$5$ {words}")


@pytest.mark.parametrize("sentence", ["minus $5$", "It is negative $5$", "$3$ over $5$", "ten divided by $5$"])
def test_what_a_sentence_does_with_its_last_formula_is_not_left_out(sentence):
    assert not judged("5", sentence)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("m/s", "s/m"),
        ("km/h", "h/km"),
        ("miles per hour", "hours per mile"),
        ("m/s", "m"),
        ("mph", "km/h"),
        ("red balls", "blue balls"),
        ("square meters", "cubic meters"),
        ("square meters", "m"),
        ("dollars per hour", "dollars"),
    ],
)
def test_units_that_differ(gold, answer):
    assert not judged(rf"5\text{{ {gold}}}", rf"5\text{{ {answer}}}")


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"60\text{ miles per hour}", r"60\text{ mph}"),
        (r"5\text{ m/s}", r"5\text{ meters per second}"),
        (r"5\text{ m/s}", r"5\text{ m}/\text{s}"),
        (r"5\text{ m/s}^2", r"5\text{ meters per second squared}"),
        (r"5\text{ square meters}", r"5\text{ m}^2"),
        (r"5\text{ sq. ft.}", r"5\text{ square feet}"),
        (r"5\text{ square units}", r"5\text{ units}^2"),
        (r"5\text{ right triangles}", r"5\text{ triangles}"),
        (r"5\text{ degrees Celsius}", r"5^\circ\text{C}"),
        (r"5\text{ s}^{-1}", r"5\text{ per second}"),
        (r"\$5\text{ per hour}", r"5\text{ dollars per hour}"),
        ("5", r"5\text{ meters per second squared}"),
        ("300", r"300\text{ K}"),
        ("5", r"5\text{ miles per hour}"),
    ],
)
def test_units_that_are_one(gold, answer):
    assert judged(gold, answer)


def test_a_power_belongs_to_the_unit_that_it_stands_at():
    assert not judged(r"5\text{ m/s}^2", r"5\text{ m}^2\text{/s}")
