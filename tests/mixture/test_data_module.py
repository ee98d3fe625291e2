from dataclasses import replace
from types import SimpleNamespace

import pytest

from factories import question, rollout
from p2o.errors import InputError
from p2o.mixture.assignment import WhileHelpful
from p2o.mixture.bare_rollouts import AnnealedBareRollouts
from p2o.mixture.data_module import MixtureDataModule
from p2o.mixture.epoch_draw import EasyMixing
from p2o.mixture.epoch_items import in_order
from p2o.mixture.selection import AllQuestions, AskedQuestions, GradedQuestions, HardQuestions
from p2o.prompts.templates import Template, TemplateBank
from p2o.questions import HeldOut
from p2o.questions.base import QuestionSource

BANK = TemplateBank((Template("A", 0.5), Template("B", 0.25)), {"q1": (1,)})


class Numbered(QuestionSource):
    def __init__(self, count: int = 20) -> None:
        self.count = count

    def load(self):
        return [question(number) for number in range(self.count)]


def module(count: int = 20, **settings) -> MixtureDataModule:
    data = MixtureDataModule(train=Numbered(count), validation=Numbered(3), **settings)
    data.setup("fit")
    return data


def with_hard(data: MixtureDataModule, *numbers: int) -> MixtureDataModule:
    data.hard_set.observe(rollout(False, number=number) for number in numbers)
    data.hard_set.close()
    data.adopt(BANK)
    return data


def test_the_first_epoch_is_bare():
    assert all(sample.templates == ("",) * 6 for sample in module().mixture(0))


def test_hard_questions_carry_templates_and_the_others_none():
    for sample in with_hard(module(), 1, 2, 3).mixture(1):
        if sample.question.id == "q1":
            assert sample.templates == ("B",) * 6  # only B solves this dev question
        elif sample.question.id in ("q2", "q3"):
            assert set(sample.templates) <= {"A", "B"}
        else:
            assert sample.templates == ("",) * 6


def test_all_questions_may_carry_templates_and_be_learnt_from():
    data = with_hard(module(carry=AllQuestions()), 1, 2)
    assert all("" not in item.templates for item in data.mixture(1))
    assert len(data.selected(AllQuestions())) == 20
    assert [question.id for question in data.selected(HardQuestions())] == ["q1", "q2"]


def test_an_epoch_may_be_a_slice_whose_questions_evolution_sees():
    data = with_hard(module(questions_per_epoch=5), 1, 2)
    assert len(data.mixture(0)) == len(data.train_dataloader().dataset) == 5
    data.hard_set.observe([rollout(True, number=3)] * 6)
    data.hard_set.close()
    assert [question.id for question in data.selected(AskedQuestions())] == ["q3"]
    assert [question.id for question in data.selected(HardQuestions())] == ["q1", "q2"]


def test_slices_of_one_epoch_are_the_whole_data():
    assert module(questions_per_epoch=20).mixture(3) == module().mixture(3)


def test_bare_rollouts_stay_bare():
    for sample in with_hard(module(bare_rollouts=2), 1, 2).mixture(1):
        bare = sample.templates.count("")
        assert bare == (2 if sample.question.id in ("q1", "q2") else 6)


def test_a_bare_rollout_is_guided_by_the_template_that_it_is_without():
    """The draws are those of a group without bare rollouts."""
    whole = {item.question.id: item for item in with_hard(module(), *range(20)).mixture(1)}
    for item in with_hard(module(bare_rollouts=2), *range(20)).mixture(1):
        drawn = whole[item.question.id].templates
        assert item.templates == (*drawn[:4], "", "") and item.guides == ("", "", "", "", *drawn[4:])
        assert item.contexts == tuple(zip(item.templates, item.guides, strict=True))
    for item in with_hard(module(bare_rollouts=6), 2).mixture(1):
        assert item.templates == ("",) * 6
        assert ("" in item.contexts[0]) and bool(item.contexts[0][1]) == (item.question.id == "q2")


def test_templates_are_withdrawn_on_a_schedule():
    data = with_hard(module(bare_rollouts=AnnealedBareRollouts(1, 6, until=3)), 2)
    bare = [
        next(item for item in data.mixture(epoch) if item.question.id == "q2").templates.count("")
        for epoch in (1, 2, 3, 9)
    ]
    assert bare == [1, 4, 6, 6]  # 1, 3.5 and 6, to the next even number


def test_templates_that_no_longer_help_are_withdrawn():
    data = with_hard(module(assignment=WhileHelpful()), 2, 3)
    groups = [
        [rollout(True, "A", 2), rollout(False, "B", 2), *[rollout(False, number=2)] * 2],  # A + 1, B + 0; 1/4 < 2/6
        [rollout(True, "B", 3), rollout(True, number=3), rollout(True, number=3)],  # B + 0
    ]
    data.observe(groups, [])
    assert data.state_dict()["template_use"]["current"][0]["q3"][0]["template"] == "B"
    other = module(assignment=WhileHelpful())
    other.load_state_dict(data.state_dict())  # within the epoch
    for each in (data, other):
        each.close_epoch()
        assert each.hard_set.hard == {"q2"}
        assert {z for item in each.mixture(2) for z in item.templates} == {"", "A"}
        assert each.item(question(1), 2).templates == ("",) * 6  # only B solves q1
    assert other.state_dict() == data.state_dict()


def test_one_template_for_the_group():
    hard = with_hard(module(200, same_template_in_group=True), *range(200)).mixture(1)
    assert all(len(set(sample.templates)) == 1 for sample in hard)
    assert {sample.templates[0] for sample in hard} == {"A", "B"}


def test_the_mixture_is_a_pure_function_of_state_seed_and_epoch():
    data = with_hard(module(), *range(10))
    assert data.mixture(1) == data.mixture(1)
    assert data.mixture(1) != data.mixture(2)
    assert data.mixture(1) != with_hard(module(seed=1), *range(10)).mixture(1)
    other = module()
    other.load_state_dict(data.state_dict())
    assert other.mixture(1) == data.mixture(1)


def test_every_question_once_an_epoch():
    assert sorted(sample.question.id for sample in module().mixture(3)) == sorted(f"q{n}" for n in range(20))


def test_an_empty_bank_makes_the_epoch_bare_and_the_best_template_lasts():
    data = with_hard(module(), 1)
    data.adopt(TemplateBank())
    assert all(sample.templates == ("",) * 6 for sample in data.mixture(2))
    assert data.best_template == Template("A", 0.5)


def test_state_of_other_questions_is_refused():
    with pytest.raises(InputError, match=r"belongs to another config.*fingerprint 20-"):
        module(19).load_state_dict(module().state_dict())


@pytest.mark.parametrize(
    "changed", [{"train": Numbered(105)}, {"validation": HeldOut(count=19)}], ids=["appended", "another count"]
)
def test_questions_that_were_trained_on_are_no_test_of_what_was_held_out(changed):
    """Rows that were appended, or another number, make other questions the ones that are held out."""
    sources = {"train": Numbered(100), "validation": HeldOut(count=20)}
    fitted, same, other = (MixtureDataModule(**parts) for parts in (sources, sources, sources | changed))
    fitted.setup("fit")
    for data in (same, other):
        data.setup("test")
    same.load_state_dict(fitted.state_dict())
    assert [list(one.questions) for one in same.test_benchmarks] == [fitted.validation_questions]
    with pytest.raises(InputError, match=r"belongs to another config.*fingerprint 80-"):
        other.load_state_dict(fitted.state_dict())


def test_a_test_on_benchmarks_needs_no_training_questions(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"id": "a", "question": "1+1?", "answer": "2"}\n')
    data = MixtureDataModule(Numbered(0), Numbered(0), benchmarks=[str(tmp_path / "b.jsonl")])
    data.setup("test")
    data.load_state_dict(module().state_dict())
    assert data.train_questions == [] and len(data.test_benchmarks) == 1


class Twins(Numbered):
    """Of two files whose rows are numbered."""

    def load(self):
        return [replace(question, origin=f"{name}:1") for name in "ab" for question in super(Twins, self).load()]


@pytest.mark.parametrize(
    ("sources", "name"), [((Twins(3), Numbered(3)), "data.train"), ((Numbered(3), Twins(3)), "data.validation")]
)
def test_two_questions_with_one_id_are_refused(sources, name):
    train, validation = sources
    with pytest.raises(InputError, match=rf"{name}: expected .*, got 'q0' for a:1 and for b:1"):
        MixtureDataModule(train=train, validation=validation).setup("fit")


def test_the_state_key_in_checkpoints():
    # Lightning stores data module state under the class name and drops it in silence if that changes
    assert MixtureDataModule.__qualname__ == "MixtureDataModule"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_generations": 1}, "num_generations must be at least 2, got 1"),
        ({"tau": 7}, r"tau must be between 1 and data.num_generations \(6\), got 7"),
        ({"tau": 0}, "tau must be between 1"),
        ({"bare_rollouts": 7}, r"bare_rollouts must be between 0 and data.num_generations \(6\), got 7"),
        ({"batch_size": 0}, "batch_size"),
        ({"questions_per_epoch": 21}, r"questions_per_epoch must be between 1 and .* \(20\)"),
        ({"questions_per_epoch": 0}, "questions_per_epoch must be between 1"),
        ({"draw": EasyMixing(GradedQuestions(["all"]), 0.5)}, "data.draw has nothing to choose"),
    ],
)
def test_impossible_sizes_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        module(**settings)


@pytest.mark.parametrize("rank", [0, 1])
def test_the_items_ahead_are_those_that_the_loader_will_hand_out(rank):
    """Of this process, as far as the epoch goes."""
    stub_trainer = SimpleNamespace(
        world_size=2, global_rank=rank, num_training_batches=3, val_check_batch=3, check_val_every_n_epoch=1
    )
    loader = in_order(module().mixture(0), 3, stub_trainer)  # 10 items: four batches, of which three are trained on
    came = list(loader)
    assert len(came) == 4
    assert [loader.ahead(number) for number in range(5)] == [[], came[1], came[2], [], []]


def test_nothing_is_ahead_of_a_validation_within_the_epoch():
    stub_trainer = SimpleNamespace(world_size=1, num_training_batches=7, val_check_batch=2, check_val_every_n_epoch=1)
    loader = in_order(module().mixture(0), 3, stub_trainer)
    assert [bool(loader.ahead(number)) for number in range(7)] == [False, True, False, True, False, True, False]
    for other in ({"val_check_batch": None}, {"check_val_every_n_epoch": None}):  # by the clock; across epochs
        loader.trainer = SimpleNamespace(**vars(stub_trainer) | other)
        assert not any(loader.ahead(number) for number in range(7))
