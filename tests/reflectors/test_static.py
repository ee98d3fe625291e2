import pytest

from p2o.errors import InputError
from p2o.reflectors.base import Proposal, ReflectionJob
from p2o.reflectors.static import StaticReflector

TEMPLATES = ["Go slowly.", "Check it.", "Use {x}."]


def propose(jobs, templates=TEMPLATES):
    return StaticReflector(templates).reflect(jobs, context=None)


def test_the_seed_chooses():
    jobs = [ReflectionJob("", (), seed) for seed in range(6)]
    assert propose(jobs) == [Proposal(template) for template in TEMPLATES * 2]
    assert propose(jobs[3:]) == propose(jobs)[3:]  # what was asked before does not matter


def test_never_the_parent():
    assert {p.template for p in propose([ReflectionJob(" Check it.\n", (), seed) for seed in range(9)])} == {
        "Go slowly.",
        "Use {x}.",
    }
    assert propose([ReflectionJob("Go slowly.", (), 1)], ["Go slowly."]) == [Proposal("Go slowly.")]


@pytest.mark.parametrize("templates", [[], ["Go.", " "]])
def test_blank_templates_are_refused(templates):
    with pytest.raises(InputError, match="at least one template"):
        StaticReflector(templates)
