import re

import pytest

from p2o.errors import InputError
from p2o.worlds.desk import DRAW, DeskQuestions

SOLVE = {  # by another way than the generator's, from the text alone
    "sums": lambda text: str(sum(map(int, re.findall(r"\d+", text)))),
    "long_sums": lambda text: str(sum(map(int, re.findall(r"\d+", text)))),
    "letters": lambda text: str(re.findall(r'"(.*?)"', text)[1].count(re.findall(r'"(.*?)"', text)[0])),
    "backwards": lambda text: "".join(reversed(re.findall(r'"(.*?)"', text)[0])),
    "sorting": lambda text: ", ".join(sorted(re.findall(r"\d+", text), key=int)),
    "stories": lambda text: str((lambda a, b, c: a * b - c)(*map(int, re.findall(r"\d+", text)))),
}


@pytest.mark.parametrize("task", DRAW)
def test_answers_are_right_and_sides_are_disjoint(task):
    train, validation = (DeskQuestions(side, [task], 60, seed=1).load() for side in ("train", "validation"))
    assert all(SOLVE[task](question.text) == question.answer for question in train + validation)
    texts = [question.text for question in train + validation]
    assert len(set(texts)) == 120 and {question.difficulty for question in train} == {task}
    assert len({question.id for question in train + validation}) == 120


def test_the_same_arguments_give_the_same_questions_and_another_seed_others():
    first, again, other = (DeskQuestions("train", ["sums", "sorting"], 9, seed).load() for seed in (0, 0, 1))
    assert first == again and first != other


@pytest.mark.parametrize(
    ("tasks", "count", "message"),
    [
        ([], 3, "at least one task"),
        (["sums"], 0, "count >= 1"),
        (["chess"], 3, "expected some of sums, .*, got 'chess'"),
        (["letters"], 9999, "lower it"),
    ],
)
def test_impossible_arguments_are_one_message(tasks, count, message):
    with pytest.raises(InputError, match=message):
        DeskQuestions("train", tasks, count).load()
