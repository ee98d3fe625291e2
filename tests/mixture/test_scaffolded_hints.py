"""K = 2; a rollout of question n is right under a hint of n words and more, and never without one."""

from types import SimpleNamespace

import pytest
from stub_step import mixture_item

from factories import rollout
from p2o.engines import SamplingParams, TransformersEngine
from p2o.errors import InputError
from p2o.mixture.scaffolded_hints import ScaffoldedHints, increments
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors import StaticReflector
from p2o.rollouts import RolloutCounts, Workload


class Step:
    def __init__(self, policy, tokenizer, epoch=1) -> None:
        self.policy, self.initial_policy, self.seed, self.epoch = policy, None, 0, epoch
        self.sampling = SamplingParams(1.0, 16)
        self.worker = SimpleNamespace(
            engine=TransformersEngine(), renderer=PromptRenderer(tokenizer), counts=RolloutCounts()
        )
        self.asked: dict[int, list[tuple[str, str]]] = {}  # by generation round

    def roll_out(self, items, generation_round=0):
        self.asked[generation_round] = [(item.question.id, template) for item in items for template in item.templates]
        return [[self.rolled(item, template) for template in item.templates] for item in items]

    def rolled(self, item, template):
        number = int(item.question.id[1:])
        return rollout(0 < number <= len(template.split()), template, number)


def scaffold(*tiers, **settings):
    return ScaffoldedHints([StaticReflector([tier] * 9) for tier in tiers], **settings)


def texts(groups):
    return [[(one.question.id, one.template, one.correct) for one in group] for group in groups]


def test_the_least_hint_that_helps_replaces_one_failure(policy, tokenizer):
    """Of tier 0, "go on now", 2 takes two words; 6 the second part of tier 1; what 7 was told was all in vain."""
    step, part = Step(policy, tokenizer), scaffold("go on now", "a b c d e f", increments=3)
    sampled = part([mixture_item(n) for n in (2, 6, 7)], step)
    assert texts(sampled.train) == [
        [("q2", "", False), ("q2", "go on", True)],
        [("q6", "", False), ("q6", "a b c d e f", True)],
        [("q7", "", False), ("q7", "", False)],
    ]
    told = ["go", "go on", "go on now", "a b", "a b c d", "a b c d e f"]
    assert texts(sampled.dropped) == [
        [("q2", "go", False), ("q2", "", False)],
        [*(("q6", hint, False) for hint in told[:-1]), ("q6", "", False)],
        [("q7", hint, False) for hint in told],
    ]
    assert step.asked == {
        0: [(f"q{n}", "") for n in (2, 2, 6, 6, 7, 7)],
        1: [("q2", "go"), ("q6", "go"), ("q7", "go")],
        2: [("q2", "go on"), ("q6", "go on"), ("q7", "go on")],
        **{number: [("q6", told[number - 1]), ("q7", told[number - 1])] for number in (3, 4, 5, 6)},
    }
    assert [sorted(bank.hints) for bank in part.banks] == [["q2", "q6", "q7"], ["q6", "q7"]]
    assert step.worker.counts.rollouts["hints"] == 5  # one that is not needed is not written


def test_what_is_solved_is_not_hinted_and_what_the_guard_rejects_is_not_told(policy, tokenizer):
    """The answer of question 3 is 4."""
    step, part = Step(policy, tokenizer), scaffold("It is 4 as you see", "go on now", increments=1)
    step.rolled = lambda item, template: rollout(item.question.id == "q1" or bool(template), template, 3)
    sampled = part([mixture_item(1), mixture_item(3)], step)
    assert step.asked == {0: [("q1", ""), ("q1", ""), ("q3", ""), ("q3", "")], 2: [("q3", "go on now")]}
    assert [len(group) for group in sampled.dropped] == [1]


def test_an_epoch_of_warming_up_has_no_hint(policy, tokenizer):
    step, part = Step(policy, tokenizer, epoch=1), scaffold("go on now", warm_up=2)
    assert part([mixture_item(2)], step).dropped == [] and list(step.asked) == [0]
    assert part([mixture_item(2)], Step(policy, tokenizer, epoch=2)).dropped


def test_a_hint_is_written_once(policy, tokenizer):
    part, other = scaffold("go on now", "a b c d"), scaffold("no", "no no no no no")
    part([mixture_item(2)], Step(policy, tokenizer))
    other.load_state_dict(part.state_dict())
    assert other.state_dict() == part.state_dict()
    sampled = other([mixture_item(2), mixture_item(4)], Step(policy, tokenizer))
    assert [group[-1].template for group in sampled.train] == ["go on", "no no no no"]


def test_the_hints_of_other_tiers_are_refused():
    with pytest.raises(InputError, match="ScaffoldedHints: expected the hints of 1 tiers, the checkpoint has 2"):
        scaffold("x").load_state_dict(scaffold("x", "y").state_dict())


@pytest.mark.parametrize(
    ("hint", "count", "parts"),
    [
        ("one two  three\nfour five", 2, ["one two  three", "one two  three\nfour five"]),
        ("one two", 4, ["one", "one two"]),
        ("one", 1, ["one"]),
        ("", 4, []),
    ],
)
def test_increments(hint, count, parts):
    assert increments(hint, count) == parts


def test_forecast():
    """Nothing fails, or every part of both tiers is tried in vain in each epoch of five questions but the first."""
    work = Workload(2, 5, 5, 6, 1, (5, 5))
    assert scaffold("x", "y").forecast(work) == {"train": (60, 60 + 1 * 5 * 2 * 4), "hints": (0, 1 * 5 * 2)}


@pytest.mark.parametrize(("tiers", "settings"), [([], {}), (["x"], {"increments": 0}), (["x"], {"warm_up": -1})])
def test_bad_settings(tiers, settings):
    with pytest.raises(InputError, match="expected one tier or more, increments >= 1 and warm_up >= 0"):
        scaffold(*tiers, **settings)
