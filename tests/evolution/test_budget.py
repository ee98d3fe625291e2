import pytest

from p2o.errors import InputError
from p2o.evolution.settings import affordable_parents, auto_budget


@pytest.mark.parametrize(
    ("level", "fixed", "per_dev_question"),
    [
        ("light", 380, 4),
        ("medium", 690, 5),
        ("heavy", 1_035, 7),
        ("heavy_2", 2_070, 13),
        ("heavy_3", 3_105, 18),
        ("heavy_4", 4_140, 23),
        ("heavy_16", 16_560, 88),
    ],
)
def test_levels_are_those_of_the_released_code(level, fixed, per_dev_question):
    assert auto_budget(level, 300) == fixed + 300 * per_dev_question
    assert auto_budget(level, 1) == fixed + per_dev_question


def test_the_papers_level_at_the_papers_dev_size():
    assert [auto_budget(level, 300) for level in ("light", "medium", "heavy", "heavy_4")] == [
        1_580,
        2_190,
        3_135,
        11_040,
    ]


def test_an_unknown_level_names_the_known_ones():
    with pytest.raises(InputError, match=r"light, medium.*'heavy_5'"):
        auto_budget("heavy_5", 300)


# A parent costs 3 + 3 for its child, dev 10: two parents need 22.
@pytest.mark.parametrize(("remaining", "parents"), [(0, 0), (15, 0), (16, 1), (21, 1), (22, 2), (28, 3)])
def test_affordable_parents_leave_room_for_children_and_one_dev_evaluation(remaining, parents):
    assert affordable_parents(remaining, mini_batch_cost=3, dev_cost=10) == parents
