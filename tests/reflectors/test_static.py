import pytest

from p2o.errors import InputError
from p2o.reflectors.base import Proposal, ReflectionJob
from p2o.reflectors.static import StaticReflector

TEMPLATES = ["Go slowly.", "Check it.", "Use {x}."]


def propose(numbers, templates=TEMPLATES):
    jobs = [ReflectionJob("", (), seed=7, number=number) for number in numbers]
    return StaticReflector(templates).reflect(jobs, context=None)


def test_each_template_once_and_then_none():
    none = Proposal("", "no template left")
    assert propose(range(5)) == [*(Proposal(template) for template in TEMPLATES), none, none]


def test_what_was_asked_before_in_this_process_does_not_matter():
    assert propose([1, 2, 3]) == propose(range(4))[1:]


@pytest.mark.parametrize("templates", [[], ["Go.", " "]])
def test_blank_templates_are_rejected(templates):
    with pytest.raises(InputError, match="at least one template"):
        StaticReflector(templates)
