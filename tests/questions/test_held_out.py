import pytest

from factories import question
from p2o.errors import InputError
from p2o.mixture.data_module import MixtureDataModule
from p2o.questions import HeldOut, QuestionSource


class Some(QuestionSource):
    def __init__(self, count):
        self.count = count

    def load(self):
        return [question(number) for number in range(self.count)]


def test_divides_the_questions_and_keeps_their_order():
    train, validation = HeldOut(count=7).beside(Some(50))
    assert len(validation) == 7 and len(train) == 43
    both = [q.id for q in Some(50).load()]
    assert [q for q in both if q in {q.id for q in train}] == [q.id for q in train]
    assert sorted(both) == sorted(q.id for q in [*train, *validation])
    assert HeldOut(count=7).beside(Some(50)) == (train, validation)
    assert HeldOut(count=7, seed=1).beside(Some(50)) != (train, validation)


def test_of_few_questions_a_fifth_is_held_out():
    train, validation = HeldOut().beside(Some(11))
    assert (len(train), len(validation)) == (9, 2)


def test_too_few_questions_are_refused():
    with pytest.raises(InputError, match=r"there are 4\. Give more questions"):
        HeldOut().beside(Some(4))


@pytest.mark.parametrize("count", [0, -1])
def test_impossible_counts_are_refused(count):
    with pytest.raises(InputError, match="count of at least 1"):
        HeldOut(count)


def test_it_is_no_source_of_training_questions():
    with pytest.raises(InputError, match=r"data\.validation"):
        HeldOut().load()


def test_a_mixture_without_validation_questions_holds_some_out():
    data = MixtureDataModule(Some(20))
    data.setup("fit")
    assert (len(data.train_questions), len(data.validation_questions)) == (16, 4)
    test = MixtureDataModule(Some(20))
    test.setup("test")
    assert list(test.test_benchmarks[0].questions) == data.validation_questions
