import pytest

from factories import question
from p2o.errors import InputError
from p2o.questions import MixedQuestions, QuestionSource


class Some(QuestionSource):
    def __init__(self, count):
        self.count = count

    def load(self):
        return [question(number) for number in range(self.count)]


def counts(questions):
    ids = [q.id.split("/")[0] for q in questions]
    return [ids.count(name) for name in dict.fromkeys(ids)]


def test_without_weights_all_are_taken_and_ids_stay_apart():
    questions = MixedQuestions([Some(3), Some(4)]).load()
    assert counts(questions) == [3, 4]
    assert len({q.id for q in questions}) == 7


def test_weights_are_kept_by_drawing_from_the_source_that_has_too_many():
    assert counts(MixedQuestions([Some(100), Some(10)], weights=[3, 1]).load()) == [30, 10]
    assert counts(MixedQuestions([Some(9), Some(100)], weights=[0.75, 0.25]).load()) == [9, 3]


def test_the_draw_depends_on_the_seed_alone():
    first, second, other = (MixedQuestions([Some(50), Some(5)], [1, 1], seed).load() for seed in (0, 0, 1))
    assert first == second != other
    numbers = [int(q.id.removeprefix("0/q")) for q in first if q.id.startswith("0/")]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(("sources", "weights"), [([], []), ([Some(1)], [1, 2]), ([Some(1), Some(1)], [1, 0])])
def test_impossible_mixtures_are_refused(sources, weights):
    with pytest.raises(InputError, match="MixedQuestions needs"):
        MixedQuestions(sources, weights)


def test_a_source_is_never_left_out_silently():
    with pytest.raises(InputError, match="source 1 gives no question"):
        MixedQuestions([Some(3), Some(3)], weights=[1000, 1]).load()
