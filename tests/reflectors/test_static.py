import pytest

from p2o.errors import InputError
from p2o.prompts.renderer import PromptRenderer
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


def test_its_longest_template_is_known_before_it_is_asked(tokenizer):
    renderer = PromptRenderer(tokenizer)
    longest = len(tokenizer.encode("Go slowly. " * 40, add_special_tokens=False))
    assert StaticReflector(["Go.", "Go slowly. " * 40]).longest_template(renderer) == longest > 40
    assert StaticReflector(["Go.", "half a pair \ud800"]).longest_template(renderer) >= 1  # refused when it is proposed


def orders(seeds, templates):
    reflector = StaticReflector(templates, shuffle=True)
    jobs = [[ReflectionJob("", (), seed=n, number=n, evolution_seed=s) for n in range(len(templates))] for s in seeds]
    return [[proposal.template for proposal in reflector.reflect(job, context=None)] for job in jobs]


def test_shuffled_each_evolution_has_an_order_of_its_own():
    templates = [f"Template {n}." for n in range(8)]
    found = orders([0, 1, 2, 0], templates)
    assert all(sorted(order) == templates for order in found)  # each once
    assert found[0] == found[3]
    assert len({*map(tuple, [templates, *found])}) == 4


def test_shuffled_a_resumed_evolution_goes_on_in_its_order():
    templates = [f"Template {n}." for n in range(8)]
    jobs = [ReflectionJob("", (), seed=5, number=number, evolution_seed=1) for number in range(3, 8)]
    assert [p.template for p in StaticReflector(templates, True).reflect(jobs, None)] == orders([1], templates)[0][3:]
