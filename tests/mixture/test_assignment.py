import math

import pytest

from factories import rollout
from p2o.errors import InputError
from p2o.mixture.assignment import ByReliance, ByScore, WhileHelpful, WithoutEmpty
from p2o.mixture.bare_rollouts import AnnealedBareRollouts, FixedBareRollouts
from p2o.mixture.template_use import TemplateUse
from p2o.prompts.templates import Template

A, B, C = Template("A", 0.5), Template("B", 0.25), Template("C", 0.0)
GROUPS = [
    [rollout(True, "A", 0), rollout(False, "A", 0), rollout(True, number=0), rollout(False, number=0)],
    [rollout(False, "B", 1), rollout(True, "A", 1), rollout(False, number=1), rollout(False, number=1)],
]
GAPS = [-0.3, 0.7, None, None, -0.6, None, None, None]


@pytest.fixture
def use():
    """A: +1/2, -1/2 and +1; B: 0."""
    use = TemplateUse()
    use.observe(GROUPS, GAPS)
    use.close()
    return use


def test_what_a_template_adds_to_the_bare_rollouts_of_its_groups(use):
    assert (use.gain("A"), use.gain("B"), use.gain("C")) == (pytest.approx(1 / 3), 0, None)


def test_how_much_a_template_is_relied_on(use):
    """exp(min(Δ, 0)/0.3), a positive Δ counting as 0, and what nobody measured not at all."""
    assert use.reliance("A", 0.3) == pytest.approx((math.exp(-1) + 1) / 2)
    assert use.reliance("B", 0.3) == pytest.approx(math.exp(-2))
    assert use.reliance("C", 0.3) is None


def test_a_later_epoch_replaces_what_was_known_of_the_templates_that_it_used(use):
    use.observe([[rollout(False, "A", 2), rollout(True, number=2)]], [])
    assert use.gain("A") == pytest.approx(1 / 3)  # not before it ends
    use.close()
    assert (use.gain("A"), use.gain("B")) == (-1, 0)


def test_a_group_without_bare_rollouts_tells_of_no_gain():
    use = TemplateUse()
    use.observe([[rollout(True, "A", 0)] * 2], [-0.3, -0.3])
    use.close()
    assert use.gain("A") is None and use.reliance("A", 0.3) == pytest.approx(math.exp(-1))


def test_weights(use):
    assert ByScore()([A, B, C], use) == [0.5, 0.25, 0.0]
    assert ByScore()([C, C], use) == [1.0, 1.0]
    empty = Template("", 0.75)
    assert ByScore()([A, empty, B], use) == [0.5, 0.75, 0.25]
    assert WithoutEmpty()([A, empty, B], use) == [0.5, 0.0, 0.25]
    assert WithoutEmpty()([empty, C, C], use) == [0.0, 1.0, 1.0]
    assert WithoutEmpty()([empty], use) == [0.0]  # nothing else is to be drawn: the question stays bare
    weights = ByReliance(0.3)([A, B, C], use)
    assert weights == pytest.approx([0.5 * (math.exp(-1) + 1) / 2, 0.25 * math.exp(-2), 0.0])
    assert WhileHelpful()([A, B, C], use) == [0.5, 0.0, 0.0]
    assert WhileHelpful(margin=-0.1)([A, B, C], use) == [0.5, 0.25, 0.0]
    assert WhileHelpful()([B], use) == [0.0]  # withdrawn: the question stays bare


def test_a_helpful_template_without_a_score_is_drawn_where_those_with_one_are_withdrawn(use):
    """As after an evolution that screened its children on few dev questions; C was never used, and may yet help."""
    assert WhileHelpful()([B, C], use) == [0.0, 1.0]
    assert WhileHelpful()([B, C, C], use) == [0.0, 1.0, 1.0]


def test_schedules():
    assert [AnnealedBareRollouts(0, 4, until=5)(epoch) for epoch in range(7)] == [0, 0, 1, 2, 3, 4, 4]
    assert AnnealedBareRollouts(0, 4, until=5).extremes(4) == (0, 2)  # epochs 1 to 3
    assert AnnealedBareRollouts(0, 4, until=5).extremes(-1) == (0, 4)  # without end
    assert [FixedBareRollouts(2)(epoch) for epoch in range(3)] == [2, 2, 2]


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        (ByReliance, {"temperature": 0}, "temperature > 0"),
        (WhileHelpful, {"margin": 1}, "margin of at least -1 and below 1"),
        (AnnealedBareRollouts, {"first": 0, "last": 4, "until": 1}, "until >= 2"),
    ],
)
def test_impossible_settings_are_refused(part, settings, message):
    with pytest.raises(InputError, match=message):
        part(**settings)
