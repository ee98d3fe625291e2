"""Between the search and its reflector: nothing is paid for twice, everything is booked."""

import json
from dataclasses import replace

import pytest

from p2o.endpoints.usage import Usage
from p2o.errors import InputError
from p2o.evolution.proposals.ledger import Ledger
from p2o.evolution.proposals.reflection import Reflection
from p2o.reflectors.base import Proposal, ReflectionFailed, ReflectionJob, Reflector

JOBS = [ReflectionJob("", (), seed) for seed in range(4)]
COST = Usage(calls=1, completion_tokens=10, money=0.5)


class Flaky(Reflector):
    """Answers until it has made `lives` proposals, then fails."""

    def __init__(self, lives):
        self.lives = lives
        self.asked = []
        self.spent = []

    def reflect(self, jobs, context):
        self.spent.append(context)
        self.asked.append([job.seed for job in jobs])
        proposals = [Proposal(f"t{job.seed}", usage=COST) if k < self.lives else None for k, job in enumerate(jobs)]
        self.lives -= len(jobs)
        if None in proposals:
            usage = sum((p.usage for p in proposals if p), Usage(calls=1, failures={"status 401": 1}))
            raise ReflectionFailed("down", proposals, usage)
        return proposals


def new(reflector, ledger, checks=()):
    return Reflection(reflector, lambda spent: spent, checks, ledger, epoch=2)


def test_answers_before_a_failure_are_not_asked_for_again_not_even_after_a_resume():
    ledger = Ledger()
    first = new(Flaky(2), ledger)
    with pytest.raises(ReflectionFailed):
        first(JOBS)
    state = json.loads(json.dumps([first.state_dict(), ledger.state_dict()]))
    resumed, books = Flaky(9), Ledger()
    books.load_state_dict(state[1])
    second = new(resumed, books)
    second.load_state_dict(state[0])
    assert [proposal.template for proposal in second(JOBS)] == ["t0", "t1", "t2", "t3"]
    assert resumed.asked == [[2, 3]]
    assert books.total == Usage(calls=5, failures={"status 401": 1}, completion_tokens=40, money=2.0)
    assert list(books.of(2)) == ["Flaky"] and books.of(1) == {}
    second.forget()  # the iteration has ended
    assert second.state_dict() == {"proposals": {}, "reflector": {}}


def test_a_state_of_an_earlier_release_has_answers_alone():
    first = new(Flaky(2), Ledger())
    with pytest.raises(ReflectionFailed):
        first(JOBS)
    resumed = Flaky(9)
    second = new(resumed, Ledger())
    second.load_state_dict(first.state_dict()["proposals"])  # 0.1.0 kept nothing else
    second(JOBS)
    assert resumed.asked == [[2, 3]]


class Twofold(Flaky):
    """Has a further reply to each job."""

    def reflect(self, jobs, context):
        proposals = super().reflect(jobs, context)
        further = (Proposal("more", reply="m"), Proposal("", "no fence", "Sure!"))
        return [replace(proposal, others=further) for proposal in proposals]


def test_further_replies_are_checked_and_go_to_the_resumed_run_and_are_booked_once():
    ledger = Ledger()
    first = new(Twofold(9), ledger, [lambda p: p.rejected("odd") if p.template == "more" else p])
    proposals = first(JOBS)
    assert proposals[0].others == (Proposal("", "odd", "m"), Proposal("", "no fence", "Sure!"))
    assert ledger.total.calls == 4
    resumed = Twofold(0)
    second = new(resumed, Ledger(), first.checks)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second(JOBS) == proposals and resumed.asked == []


def test_a_state_without_further_replies_loads():
    first = new(Flaky(9), Ledger())
    proposals, state = first(JOBS), first.state_dict()
    for fields in state["proposals"].values():
        del fields["others"]  # as of 0.1.0
    second = new(Flaky(0), Ledger())
    second.load_state_dict(state)
    assert second(JOBS) == proposals


class Learning(Flaky):
    """Finds something out before it fails."""

    learnt: dict[str, int] = {}  # noqa: RUF012 (replaced, never changed)

    def reflect(self, jobs, context):
        self.learnt = {"asked": len(self.asked) + 1}
        return super().reflect(jobs, context)

    def state_dict(self):
        return self.learnt

    def load_state_dict(self, state):
        self.learnt = state


def test_what_a_reflector_has_found_out_before_it_failed_goes_to_the_resumed_run():
    first = new(Learning(0), Ledger())
    with pytest.raises(ReflectionFailed):
        first(JOBS)
    resumed = Learning(9)
    new(resumed, Ledger()).load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert resumed.learnt == {"asked": 1}


class OneProposal(Reflector):
    def reflect(self, jobs, context):
        return [Proposal("t")]


def test_a_proposal_is_missing():
    with pytest.raises(InputError, match=r"OneProposal\.reflect: expected a proposal for each of 4 jobs, got 1"):
        new(OneProposal(), Ledger())(JOBS)


class Proposing(Reflector):
    def __init__(self, made):
        self.made = made

    def reflect(self, jobs, context):
        return self.made(jobs)


async def awaited(jobs):
    return [Proposal("t") for _ in jobs]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda jobs: None, "a proposal for each of 4 jobs, got None"),
        (awaited, "a proposal for each of 4 jobs, got a coroutine, which nobody awaits"),
        (lambda jobs: ["Be exact."] * 4, r"a p2o\.reflectors\.base\.Proposal, got 'Be exact\.'"),
        (lambda jobs: [Proposal(5)] * 4, r"a str as template of a Proposal, got 5 of type int"),
        (lambda jobs: [Proposal(b"")] * 4, r"a str as template of a Proposal, got b'' of type bytes"),
        (lambda jobs: [Proposal(None)] * 4, r"a str as template of a Proposal, got None of type NoneType"),
        (lambda jobs: [Proposal("", rejection=None)] * 4, r"a str as rejection of a Proposal, got None"),
        (lambda jobs: [Proposal("t", prompt=["a"])] * 4, r"a str as prompt of a Proposal, got \['a'\]"),
        (lambda jobs: [Proposal("t", usage=None)] * 4, r"a Usage as usage of a Proposal, got None of type NoneType"),
    ],
)
def test_a_reflector_that_gives_no_proposals_is_named(made, message):
    with pytest.raises(InputError, match=rf"test_reflection\.Proposing\.reflect: expected {message}"):
        new(Proposing(made), Ledger())(JOBS)


def test_proposals_may_come_from_a_generator():
    found = new(Proposing(lambda jobs: (Proposal(f"t{job.seed}") for job in jobs)), Ledger())(JOBS)
    assert [proposal.template for proposal in found] == ["t0", "t1", "t2", "t3"]


def test_the_reflector_is_told_what_the_run_has_spent():
    ledger = Ledger()
    ledger.add(0, "Other", Usage(money=7.0))
    reflector = Flaky(9)
    reflection = new(reflector, ledger)
    reflection(JOBS[:1]), reflection(JOBS[1:])
    assert [spent.money for spent in reflector.spent] == [7.0, 7.5]


def test_checks_refuse_in_order_and_see_no_refused_proposal():
    seen = []

    def first(proposal):
        return proposal.rejected("odd") if proposal.template in ("t1", "t3") else proposal

    def second(proposal):
        seen.append(proposal.template)
        return proposal

    proposals = new(Flaky(9), Ledger(), [first, second])(JOBS)
    assert [proposal.rejection for proposal in proposals] == ["", "odd", "", "odd"]
    assert seen == ["t0", "t2"]
