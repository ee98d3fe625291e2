from dataclasses import replace

import pytest
import torch

from p2o.commands.study.definition import Method, Study
from p2o.commands.study.formats import Page, TextTable, html, latex, markdown
from p2o.commands.study.page import make_page, mean_number, mean_percent, round_steps
from p2o.commands.study.results import RunResult
from p2o.commands.study.rows import StudyRow, best_rows

SHORT = {
    "rollouts": {"train": 10, "evolution": 0, "validation": 4},
    "tokens": {"train": 200, "evolution": 0, "validation": 99, "fixed_questions": 0, "reflection": 0},
    "seconds": 10.0,
    "rollout_history": [{"train": 10, "evolution": 0}],
    "validation": {"bare": {"easy": 0.5}, "templated": None},
}
ONE = torch.ones(1, dtype=torch.float64)
METHODS = {"p2o": Method(), "grpo": Method(tune={"model.lr": [1, 2, 3, 4]}), "gone": Method()}


def result(seed, right, first=0.0):
    """Four questions, `right` of them correct at the end; epochs of 10 and 30 rollouts, the second after evolution."""
    summary = {
        "rollouts": {"train": 20, "evolution": 20, "validation": 8},
        "tokens": {"train": 200, "evolution": 300, "validation": 99, "fixed_questions": 77, "reflection": 5},
        "seconds": 10.0 + seed,
        "rollout_history": [{"train": 10, "evolution": 20}, {"train": 20, "evolution": 20}],
        "validation": {"bare": {"easy": 0.5}, "templated": None},
    }
    correct = torch.tensor([[first] * 4, [1.0] * right + [0.0] * (4 - right)], dtype=torch.float64)
    return RunResult(seed, summary, ("a", "b", "c", "d"), correct, torch.tensor([0.25, 0.75], dtype=torch.float64))


@pytest.fixture
def page():
    study = Study(
        configs=["x"], methods=METHODS, baseline="grpo", seeds=[0, 1], title="T", metrics=["validation.templated.hard"]
    )
    good, bad, fair = [result(0, 4), result(1, 3)], [result(0, 0)], [result(0, 1), result(1, 2)]
    results = [good, bad, fair, fair, [], []]
    rows = [StudyRow(variant, found) for variant, found in zip(study.variants(), results, strict=True)]
    return make_page(study, rows, best_rows(rows), ["grpo-x-seed1", "gone-x-seed0", "gone-x-seed1"])


def test_accuracy(page):
    table = {row[0]: dict(zip(page.tables[0].header[1:3], row[1:3], strict=True)) for row in page.tables[0].rows}
    assert table == {
        "p2o": {"seeds": "2 of 2", "bare/hard": "87.5 ± 17.7 %"},
        "grpo (model.lr=2)": {"seeds": "2 of 2", "bare/hard": "37.5 ± 17.7 %"},  # the first of the best
        "gone": {"seeds": "0 of 2", "bare/hard": "–"},  # never a zero
    }
    first, baseline, gone = page.tables[0].rows
    assert first[3].startswith("+50.0 (") and first[4] == "65.6 ± 13.3 %" and first[5].startswith("+37.5 (")
    assert first[6] == "40" and baseline[6] == "never" and gone[6] == "–"
    assert baseline[3] == baseline[5] == "–"
    assert first[7] == "–"  # no template was ever validated


def test_cost(page):
    assert list(page.tables[2].rows[0]) == ["p2o", "40", "20", "505", "300", "5", "10 ± 1"]
    assert set(page.tables[2].rows[2][1:]) == {"–"}


def test_accuracy_over_the_rollouts_spent(page):
    """Validations after 10 and 40 rollouts, of 0 and the final accuracy."""
    curve = page.tables[1]
    assert curve.header == ["method", "5", "10", "15", "20", "25", "30", "35", "40"]
    good, fair, gone = curve.rows
    assert good[:4] == ["p2o", "–", "0.0 ± 0.0 %", "14.6 ± 2.9 %"] and good[8] == "87.5 ± 17.7 %"
    assert fair[0] == "grpo" and fair[5] == "18.8 ± 8.8 %"
    assert set(gone[1:]) == {"–"}


def test_a_method_that_has_spent_less_has_no_figure_beyond():
    brief = replace(result(0, 4), correct=torch.ones(1, 4, dtype=torch.float64), summary=SHORT, weights=ONE)
    study = Study(configs=["x"], methods={"p2o": Method(), "brief": Method()}, baseline="p2o", seeds=[0], title="T")
    rows = [StudyRow(variant, [found]) for variant, found in zip(study.variants(), [result(0, 4), brief], strict=True)]
    curve = make_page(study, rows, best_rows(rows), []).tables[1]
    assert curve.rows[1] == ["brief", "–", "100.0 %", "–", "–", "–", "–", "–", "–"]


@pytest.mark.parametrize(("spent", "step", "columns"), [(8568, 1000, 8), (1030, 200, 5), (24900, 2000, 12), (3, 1, 3)])
def test_columns_are_round_numbers_of_rollouts(spent, step, columns):
    assert list(round_steps(spent)) == [step * number for number in range(1, columns + 1)]


def test_every_tuned_value_is_shown(page):
    assert [(row[0], row[1], row[2]) for row in page.tables[3].rows] == [
        ("grpo (model.lr=1)", "", "1 of 2"),
        ("grpo (model.lr=2)", "best so far", "2 of 2"),
        ("grpo (model.lr=3)", "", "2 of 2"),
        ("grpo (model.lr=4)", "", "0 of 2"),
    ]


def test_values_are_chosen_by_seeds_of_their_own():
    """The value that is better on the compared seeds is not the one that is shown."""
    methods = {"p2o": Method(tune={"model.lr": [1, 2]})}
    study = Study(configs=["x"], methods=methods, baseline="p2o", seeds=[0, 1], tuning_seeds=[7], title="T", metrics=[])
    chosen, other = study.variants()
    rows = [StudyRow(chosen, [result(0, 1)], [result(7, 3)]), StudyRow(other, [result(0, 4)], [result(7, 2)])]
    page = make_page(study, rows, best_rows(rows), [])
    assert page.tables[0].rows[0][:3] == ["p2o (model.lr=1)", "1 of 2", "25.0 %"]
    assert [row[:4] for row in page.tables[3].rows] == [
        ["p2o (model.lr=1)", "best", "1 of 1", "75.0 %"],
        ["p2o (model.lr=2)", "", "1 of 1", "50.0 %"],
    ]
    assert any(note.startswith("tuned values are chosen by the mean over the seeds 7,") for note in page.notes)
    assert not any("favours" in note for note in page.notes)


def test_a_value_does_not_win_by_the_runs_that_did_not_fail():
    study = Study(configs=["x"], methods={"p2o": Method(tune={"lr": [1, 2]})}, baseline="p2o", seeds=[0, 1], metrics=[])
    sound, lucky = study.variants()
    rows = [StudyRow(sound, [result(0, 2), result(1, 2)]), StudyRow(lucky, [result(1, 4)])]
    page = make_page(study, rows, best_rows(rows), ["p2o-x-seed0"])
    assert page.tables[0].rows[0][0] == "p2o (lr=1)"
    assert [row[1] for row in page.tables[3].rows] == ["best so far", ""]


def test_all_that_was_needed_is_a_cost():
    """Hints' and a teacher's tokens too; in columns of their own where any method has them."""
    study = Study(configs=["x"], methods={"p2o": Method(), "hints": Method()}, baseline="p2o", seeds=[0], metrics=[])
    hinted = result(0, 4)
    hinted = replace(hinted, summary=hinted.summary | {"tokens": hinted.summary["tokens"] | {"hints": 40}})
    rows = [StudyRow(variant, [found]) for variant, found in zip(study.variants(), [result(0, 4), hinted], strict=True)]
    table = make_page(study, rows, best_rows(rows), []).tables[2]
    assert table.header[3:] == ["tokens", "of evolution ", "of reflection", "of hints", "seconds, measuring too"]
    assert [row[3:] for row in table.rows] == [["505", "300", "5", "0", "10"], ["545", "300", "5", "40", "10"]]


def test_a_figure_that_some_runs_lack_says_of_how_many_it_is():
    study = Study(
        configs=["x"], methods={"p2o": Method()}, baseline="p2o", seeds=[0, 1], metrics=["validation.templated.hard"]
    )
    there = result(0, 4)
    there = replace(there, summary=there.summary | {"validation": {"bare": {}, "templated": {"hard": 0.75}}})
    rows = [StudyRow(next(study.variants()), [there, result(1, 4)])]
    assert make_page(study, rows, best_rows(rows), []).tables[0].rows[0][7] == "75.0 % (1 of 2)"


def test_shares_are_percentages_and_other_figures_plain_numbers():
    metrics = ["validation.bare.easy", "goodput", "memory_peak_gib", "rollouts.train", "wall_seconds"]
    study = Study(configs=["x"], methods={"p2o": Method()}, baseline="p2o", seeds=[0, 1], metrics=metrics)
    found = [result(0, 4), result(1, 4)]
    measured = [{"goodput": 0.5, "memory_peak_gib": 0.59 + n / 10, "wall_seconds": 18694.25 + n} for n in range(2)]
    found = [replace(one, summary=one.summary | more) for one, more in zip(found, measured, strict=True)]
    row = make_page(study, rows := [StudyRow(next(study.variants()), found)], best_rows(rows), []).tables[0].rows[0]
    assert row[7:] == ["50.0 ± 0.0 %", "50.0 ± 0.0 %", "0.64 ± 0.07", "20", "18,695 ± 1"]


@pytest.mark.parametrize(
    ("target", "said"), [(0.6, "60"), (0.625, "62.5"), (0.995, "99.5"), (0.004, "0.4"), (1.0, "100")]
)
def test_a_target_is_said_as_it_is(target, said):
    study = Study(configs=["x"], methods={"p2o": Method()}, baseline="p2o", seeds=[0], target=target)
    page = make_page(study, rows := [StudyRow(next(study.variants()), [result(0, 4)])], best_rows(rows), [])
    assert page.tables[0].header[6] == f"to {said} %" and any(f"; to {said} %: rollouts" in note for note in page.notes)


def test_a_difficulty_whose_name_has_a_dot_keeps_it_in_the_head_of_its_column():
    study = Study(configs=["x"], methods={"p2o": Method()}, baseline="p2o", seeds=[0], metrics=["validation.bare.4.5"])
    found = result(0, 4)
    found = replace(found, summary=found.summary | {"validation": {"bare": {"4.5": 0.25}}})
    table = make_page(study, rows := [StudyRow(next(study.variants()), [found])], best_rows(rows), []).tables[0]
    assert (table.header[7], table.rows[0][7]) == ("bare/4.5", "25.0 %")


def test_missing_runs_are_named(page):
    assert "MISSING, and counted nowhere: grpo-x-seed1, gone-x-seed0, gone-x-seed1" in page.notes


def test_spread():
    assert mean_percent([0.5]) == "50.0 %" and mean_percent([]) == "–" and mean_percent([0.5, 0.6]) == "55.0 ± 7.1 %"
    assert mean_number([1200.0]) == mean_number([1200, 1200]) == "1,200" and mean_number([1, 3]) == "2 ± 1"


def test_a_caption_is_plain_words(page):
    """Difficulties come from data, and LaTeX takes a title as it stands."""
    assert not any("bare/hard" in table.title for table in page.tables)


def test_text_is_data_in_every_format():
    awkward = "<script>a|b & 50 % _x_ \\input{y}\nnew"
    page = Page(awkward, [TextTable("A", ["name", awkward], [[awkward, "1e-4"]])], [awkward])
    for text in (markdown(page), html(page)):
        assert "<script>" not in text and "&lt;script&gt;" in text
    [cells] = [line for line in markdown(page).splitlines() if line.endswith("1e-4 |")]
    assert cells.replace("\\|", "").count("|") == 3
    [row] = [line for line in latex(page).splitlines() if "1e-4" in line]
    assert "\\input" not in row and "\\&" in row and "\\%" in row and "\\_x\\_" in row
    assert all(line.startswith(("%", "\\")) or "&" in line for line in latex(page).splitlines())
