import random
from collections import Counter

import pytest

from p2o.mixture.assignment import assign
from p2o.prompts.set_cover import cover, cover_known
from p2o.prompts.templates import Template, TemplateBank

DEV = ["d0", "d1", "d2", "d3", "d4"]

# Worked by hand: "b" solves three; then "c" adds one (as "d" would, later); "a" and "e" add nothing; d4 stays unsolved.
POOL = {
    "": (1, 0, 0, 0, 0),
    "b": (1, 1, 1, 0, 0),
    "c": (1, 0, 0, 1, 0),
    "d": (0, 0, 0, 1, 0),
    "e": (0, 0, 0, 0, 0),
}


def bank_of(pool):
    return cover(list(pool), DEV, list(pool.values()))


def test_cover_worked_by_hand():
    assert bank_of(POOL) == TemplateBank(
        (Template("b", 0.6), Template("c", 0.4)), {"d0": (0, 1), "d1": (0,), "d2": (0,), "d3": (1,)}
    )


def test_ties_go_to_the_lowest_index():
    assert [template.text for template in bank_of({"x": (1, 1, 0, 0, 0), "y": (0, 0, 1, 1, 0)}).templates] == ["x", "y"]
    assert [template.text for template in bank_of({"y": (0, 0, 1, 1, 0), "x": (1, 1, 0, 0, 0)}).templates] == ["y", "x"]
    assert [template.text for template in bank_of({"x": (1, 0, 0, 0, 0), "y": (1, 0, 0, 0, 0)}).templates] == ["x"]


def test_solved_is_more_than_half_of_the_completions():
    bank = bank_of({"x": (0.5, 0.75, 0.25, 0, 0)})
    assert bank == TemplateBank((Template("x", 0.3),), {"d1": (0,)})


@pytest.mark.parametrize("pool", [{}, {"": (0, 0, 0, 0, 0), "x": (0, 0.5, 0, 0, 0)}])
def test_nothing_solved_is_an_empty_bank(pool):
    assert bank_of(pool) == TemplateBank()


def test_scores_and_dev_questions_must_match():
    with pytest.raises(ValueError, match="zip"):
        cover(["x"], DEV, [(1, 1)])


@pytest.mark.parametrize("case", range(60))
def test_a_cover_covers_and_nobody_is_superfluous_when_chosen(case):
    rng = random.Random(case)
    pool = {f"t{i}": tuple(rng.choice((0, 0, 1)) for _ in DEV) for i in range(rng.randint(1, 7))}
    bank = bank_of(pool)
    solved = {text: {id for id, score in zip(DEV, row, strict=True) if score} for text, row in pool.items()}
    assert set(bank.solvers) == set().union(*solved.values())
    left, sizes = set(bank.solvers), []
    for template in bank.templates:
        sizes.append(len(solved[template.text] & left))
        assert sizes[-1] == max(len(members & left) for members in solved.values()) > 0
        left -= solved[template.text]
    assert sizes == sorted(sizes, reverse=True)
    for id, indices in bank.solvers.items():
        assert indices == tuple(k for k, template in enumerate(bank.templates) if id in solved[template.text])


def draws(question, **options):
    rng = random.Random(0)
    return [assign(bank_of(POOL), question, 6, rng, **options) for _ in range(1_000)]


def test_a_solved_dev_question_draws_from_its_solvers_only():
    assert {text for group in draws("d1") for text in group} == {"b"}
    assert {text for group in draws("d3") for text in group} == {"c"}


@pytest.mark.parametrize("question", ["d0", "d4", "train question"])
def test_others_draw_from_all_by_weight(question):
    counts = Counter(text for group in draws(question) for text in group)
    assert counts["b"] / 6_000 == pytest.approx(0.6, abs=0.02)
    assert set(counts) == {"b", "c"}


def test_a_group_mixes_templates_unless_told_not_to():
    assert any(len(set(group)) == 2 for group in draws("d0"))
    same = draws("d0", same_in_group=True)
    assert all(len(group) == 6 and len(set(group)) == 1 for group in same)
    assert {group[0] for group in same} == {"b", "c"}


def test_an_empty_bank_leaves_the_question_bare():
    assert assign(TemplateBank(), "d0", 3, random.Random(0)) == ("", "", "")


@pytest.mark.parametrize("same_in_group", [False, True])
def test_no_draws_are_no_templates(same_in_group):
    assert assign(bank_of(POOL), "d0", 0, random.Random(0), same_in_group) == ()


def test_weights_of_zero_are_equal_weights():
    bank = TemplateBank((Template("x", 0.0), Template("y", 0.0)))
    assert set(assign(bank, "d0", 50, random.Random(0))) == {"x", "y"}


def test_by_share_what_is_solved_at_times_counts_for_what_it_is():
    # "x" adds .75 + .25; then "y" adds .5 on d1 and .25 above x on d0; "z" is nowhere better than both.
    rows = {"x": {"d0": 0.75, "d2": 0.25}, "y": {"d0": 0.5, "d1": 0.5}, "z": {"d0": 0.5, "d1": 0.25}}
    bank = cover_known(list(rows), [0.3, 0.2, 0.1], DEV, list(rows.values()), credit="share")
    assert bank == TemplateBank((Template("x", 0.3), Template("y", 0.2)), {"d0": (0, 1), "d1": (1,), "d2": (0,)})
    assert cover_known(list(rows), [0.3, 0.2, 0.1], DEV, list(rows.values())).solvers == {"d0": (0,)}


def test_what_a_template_was_not_asked_it_does_not_solve():
    bank = cover_known(["x", "y"], [0.1, 0.9], DEV, [{"d0": 1.0}, {"d1": 1.0, "d0": 0.0}])
    assert bank == TemplateBank((Template("x", 0.1), Template("y", 0.9)), {"d0": (0,), "d1": (1,)})
