"""A reflector that proposes nothing usable is noticed early, and its replies are kept."""

import re
import warnings

import pytest
from hint_task import HintPolicy, questions, to_example

from p2o.evolution.history import History, Iteration, RejectedProposal
from p2o.evolution.proposals.advice import unusable, warn_if_useless
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.selectors import DominanceSelector
from p2o.evolution.settings import EvolutionSettings
from p2o.reflectors.base import Proposal


def said(*iterations, begun=0):
    """After which iterations of an evolution it is said that nothing is usable, by their number, and what.

    Args:
        iterations: Why there was no child, and how often; or "tried".
        begun: Iterations that an earlier process made.
    """
    history, found = History(iterations=(Iteration(),)), {}
    for number, rejections in enumerate(iterations, 1):
        tried = 1 if rejections == "tried" else 0
        history = history.extended([], Iteration(rejections={} if tried else rejections, tried=tried))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warn_if_useless(history, ended=number == len(iterations))
        if caught and number > begun:
            [found[number]] = [str(warning.message) for warning in caught]
    return found


def test_nothing_usable_is_said_once_with_what_to_try():
    found = said({"no fence": 4}, {"no fence": 3, "unfinished": 1}, {"no fence": 4})
    assert list(found) == [2]
    assert re.search(r"none of 8 proposals was usable \(7 no fence, 1 unfinished\).*TeacherRef", found[2])
    assert said({"no fence": 9}, begun=1) == {}


def test_an_evolution_of_few_proposals_says_at_its_end_that_none_was_usable():
    found = said({"no fence": 3}, {"unfinished": 1}, {})
    assert list(found) == [3]
    assert "none of 4 proposals was usable (3 no fence, 1 unfinished)" in found[3]
    assert list(said({"no fence": 3}, {"no fence": 5})) == [2], "it is said twice"
    assert said({}, {}) == {}


def test_one_usable_proposal_is_enough():
    assert said({"no fence": 3}, "tried", {"no fence": 12}) == {}
    assert said({"no fence": 3, "already in the pool": 1}, {"no fence": 12}) == {}


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        ("unfinished", "max_reply_length"),
        ("too long", "max_template_length"),
        ("leaks an answer", "general advice"),
        ("no reply: status 500", "docs/faults.md"),
        (
            "a cause of somebody's own",
            r"usable \(3 a cause of somebody's own\)\. The replies are in evo.*once it has",
        ),
    ],
)
def test_the_advice_is_about_the_commonest_cause(cause, advice):
    assert re.search(advice, unusable({cause: 3, "empty": 1} if "own" not in cause else {cause: 3}))


def test_rejected_proposals_are_kept_with_their_replies_over_a_resume():
    def search(reflect):
        settings = EvolutionSettings(30, proposals=3, patience=1)
        return EvolutionSearch(
            questions("train", 4, 2), questions("dev", 2, 2), settings, HintPolicy(), reflect, to_example,
            DominanceSelector(), 0,
        )  # fmt: skip

    replies = [Proposal("", "no fence", "Sure!", "asked"), Proposal("x"), Proposal("x", reply="again")]
    straight = search(lambda jobs: replies)
    history = straight.run()
    assert history.rejected[:2] == (
        RejectedProposal(1, 0, "no fence", "asked", "Sure!"),
        RejectedProposal(1, 0, "proposed twice at once", "", "again"),
    )
    resumed = search(lambda jobs: replies)
    resumed.load_state_dict(straight.state_dict())
    assert resumed.history == history
