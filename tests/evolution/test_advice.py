"""A reflector that proposes nothing usable is noticed early, and its replies are kept."""

import re
import warnings

import pytest
from hint_task import HintPolicy, questions, to_example

from p2o.evolution.history import RejectedProposal
from p2o.evolution.proposals.advice import unusable
from p2o.evolution.proposals.ledger import Ledger
from p2o.evolution.proposals.reflection import Reflection
from p2o.evolution.search import EvolutionSearch
from p2o.evolution.selectors import DominanceSelector
from p2o.evolution.settings import EvolutionSettings
from p2o.reflectors.base import Proposal, ReflectionJob, Reflector


class Mumbling(Reflector):
    """Proposes what a test says, in turn."""

    def __init__(self, *proposals):
        self.proposals = list(proposals)

    def reflect(self, jobs, context):
        return [self.proposals.pop(0) for _ in jobs]


def reflection(*proposals):
    return Reflection(Mumbling(*proposals), lambda spent: None, [], Ledger(), 0)


def jobs(count, start=0):
    return [ReflectionJob("", (), seed) for seed in range(start, start + count)]


UNFENCED = Proposal("", "no fence", reply="Sure!")


def test_nothing_usable_is_said_once_with_what_to_try():
    ask = reflection(*[UNFENCED] * 7, Proposal("", "unfinished"), *[UNFENCED] * 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask(jobs(4))
    with pytest.warns(
        UserWarning, match=r"none of 8 proposals was usable \(7 no fence, 1 unfinished\).*TeacherRef"
    ) as said:
        ask(jobs(4, 4))
        ask(jobs(4, 8))
    assert len(said) == 1


def test_one_usable_proposal_is_enough():
    ask = reflection(*[UNFENCED] * 3, Proposal("Go on."), *[UNFENCED] * 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask(jobs(16))


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        ("unfinished", "max_reply_length"),
        ("too long", "max_template_length"),
        ("leaks an answer", "general advice"),
        ("no reply: status 500", "docs/faults.md"),
        ("a cause of somebody's own", r"usable \(3 a cause of somebody's own\)\. The replies"),
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
