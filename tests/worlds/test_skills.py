import random
from collections import Counter

import pytest

from p2o.errors import InputError
from p2o.worlds.skills import FAMILIES, LONGEST, Process, SkillQuestions, Task, read_process
from p2o.worlds.skills.families import read_task


@pytest.mark.parametrize(
    ("text", "answer", "steps"),
    [
        (
            "Start with 7, modulo 100.\n(a) Add 3.\n(b) Multiply by 7.\n(c) Multiply by 3.",
            "10",
            ("(a) Add 3: 10\n", "(b) Multiply by 7: 70\n", "(c) Multiply by 3: 10\n"),
        ),
        ("From 7 read on 0 1 2 in base 3, modulo 100.", "94", ("0:21;", "1:64;", "2:94;")),
        ("Shift XQA by 3.", "ATD", ("XA;", "QT;", "AD;")),
        ("Sort QFMB.", "BFMQ", ("Q;", "FQ;", "FMQ;", "BFMQ;")),
        ("In QFMB change 12, 24.", "FBMQ", ("12:FQMB;", "24:FBMQ;")),
        ("Roads FB, XA, BX. Walk 2 from F.", "FBX", ("FB;", "BX;")),
        ("Spell QFMB backwards.", "BMFQ", ()),
    ],
)
def test_a_question_worked_by_hand(text, answer, steps):
    task = read_task(text)
    assert (task.answer, task.steps, task.text) == (answer, steps, text)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_what_is_drawn_is_read_back(family):
    rng = random.Random(0)
    for length in range(1, LONGEST + 1):
        for _ in range(20):
            task = family.draw(rng, length)
            assert (task.family, task.length) == (family.name, length)
            assert read_task(task.text) == task


@pytest.mark.parametrize("text", ["Roads FB. Walk 2 from F.", "In QFMB change 11.", "Sort it.", "", "Start with 7."])
def test_what_is_no_question_is_not_read(text):
    assert read_task(text) is None


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_an_answer_is_no_easy_guess(family):
    """The commonest answer to questions of one length is rare."""
    rng = random.Random(1)
    answers = Counter(family.draw(rng, 4).answer for _ in range(2000))
    assert answers.most_common(1)[0][1] / 2000 < 0.04


def test_the_way_of_a_completion():
    task = read_task("Shift XQA by 3.")
    sound = FAMILIES["shift"].procedure(task)
    assert sound == "Letter by letter:\nXA;QT;AD;\n\\boxed{ATD}"
    ways = {
        sound: (Process.SOUND, 3),
        sound.replace("QT", "QU"): (Process.SLIP, 1),
        sound.replace("AD;", ""): (Process.SLIP, 2),
        sound.replace("AD;", "AD;AD;"): (Process.SLIP, 3),
        sound.replace("boxed{ATD}", "boxed{AT}"): (Process.SLIP, 3),
        "Insert each:\n\\boxed{?}": (Process.FOREIGN, 0),
        "Word \\boxed{ATD}": (Process.DIRECT, 0),
        "Letter blank. \\boxed{?}": (Process.DIRECT, 0),
        "": (Process.DIRECT, 0),
    }
    for text, expected in ways.items():
        reading = read_process(task, text)
        assert (reading.process, reading.right_steps) == expected


def test_every_family_has_as_many_questions_of_each_length():
    questions = SkillQuestions("train", count=12, shortest=4, longest=9).load()
    lengths = Counter((question.difficulty, read_task(question.text).length) for question in questions)
    assert lengths == {(name, length): 2 for name in FAMILIES for length in range(4, 10)}


def test_counts_of_some_families():
    questions = SkillQuestions("train", count=3, families=["sort", "chain"], counts={"chain": 5}).load()
    assert Counter(question.difficulty for question in questions) == {"sort": 3, "chain": 5}


def test_train_and_validation_share_no_question_under_any_seeds():
    sides = {
        split: {q.text for seed in range(4) for q in SkillQuestions(split, count=60, seed=seed).load()}
        for split in ("train", "validation")
    }
    assert not sides["train"] & sides["validation"]


def test_the_same_arguments_make_the_same_questions_and_no_id_comes_twice():
    first, second, other = (SkillQuestions("train", count=20, seed=seed).load() for seed in (0, 0, 1))
    assert first == second != other
    assert len({q.id for q in first}) == len({q.text for q in first}) == 20 * len(FAMILIES)


def test_more_questions_begin_with_the_fewer_ones():
    few, many = (SkillQuestions("train", count=count, families=["swap"]).load() for count in (5, 9))
    assert many[:5] == few


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "at least one question"),
        ({"count": -1}, "no negative count"),
        ({"count": 3, "counts": {"sort": -1}}, "no negative count"),
        ({"count": 1, "families": []}, "at least one question"),
        ({"count": 1, "families": ["sorting"]}, "expected families out of chain, base, .*, got sorting"),
        ({"count": 1, "families": ["sort", "sort"]}, "each family once"),
        ({"count": 1, "counts": {"sums": 2}}, "got sums"),
        ({"count": 1, "families": ["sort"], "counts": {"swap": 2}}, "counts names swap, which families leaves out"),
        ({"count": 1, "shortest": 0}, "1 <= shortest <= longest <= 12, got shortest=0"),
        ({"count": 1, "longest": 13}, "longest=13"),
        ({"count": 1, "shortest": 6, "longest": 5}, "shortest=6, longest=5"),
    ],
)
def test_impossible_questions_are_one_message(options, message):
    with pytest.raises(InputError, match=message):
        SkillQuestions("train", **options)


def test_a_family_that_runs_out_says_how_many_it_has():
    with pytest.raises(InputError, match=r"no more than \d+ train questions of the family base .* got 999"):
        SkillQuestions("train", count=999, families=["base"], shortest=1, longest=1).load()


def test_a_task_knows_its_side_by_its_text_alone():
    sides = [Task("sort", 4, f"Sort {number}.", "").split for number in range(1000)]
    assert 150 < sides.count("validation") < 250
