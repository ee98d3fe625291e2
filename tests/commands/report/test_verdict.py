"""What the verdict says of runs whose figures are known."""

from dataclasses import replace

import pytest

from p2o.commands.report.runs import load_run
from p2o.commands.report.sections.verdict import verdict
from p2o.commands.report.steps import thinned
from p2o.commands.report.verdict import findings
from p2o.run_folder.paths import RunPaths
from run_folders import whole_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load_run(whole_folder(tmp_path_factory.mktemp("runs") / "whole"), "whole")


def words(run):
    return [finding.word for finding in findings(run)]


def with_summary(run, **values):
    return replace(run, summary=run.summary | values)


def test_a_run_whose_bare_accuracy_rose_works(run):
    [finding] = findings(run)
    assert (finding.word, finding.tone) == ("Works", "good")
    assert "rose by 41.7 points [16.7, 66.7]" in finding.text and "from 3 to 2" in finding.text


def test_a_reward_that_halves_is_a_collapse(run):
    found = findings(with_summary(run, reward=[0.5, 0.2]))
    assert found[0].word == "Collapsed" and "from 0.500 in epoch 0 to 0.200" in found[0].text and found[0].advice


def test_a_reward_that_fell_because_its_templates_went_is_no_collapse(run):
    """Its rollouts under templates alone were right, and the last epoch is bare: the policy has lost nothing."""
    helped = replace(run, metrics={}, validation={}, questions={0: run.questions[1], 1: run.questions[0]})
    summary = {"reward": [0.4, 0.1], "history": run.summary["history"][:1] * 2}

    def outcomes(epoch, *right):
        asked = zip(helped.questions[epoch], right, strict=True)
        records = [
            replace(one, correct=k, outcomes=tuple("correct" if n < k else "wrong" for n in range(4)))
            for one, k in asked
        ]
        return {epoch: records}

    first = outcomes(0, 2, 2, 2, 0)  # of four, the first two under a template, but for the last question
    gone = replace(helped, questions=helped.questions | first | outcomes(1, 0, 0, 0, 0))
    found = findings(with_summary(gone, **summary))
    assert [one.word for one in found] == ["Templates gone", "No signal"] and found[0].tone == "plain"
    assert "from 0.400 in epoch 0 to 0.100" in found[0].text and "went from 38% to 0%" in found[0].text
    assert "(bare 0% → 0%)" in found[0].text

    forgot = replace(gone, questions=gone.questions | outcomes(0, 4, 4, 4, 4))
    assert words(with_summary(forgot, **summary))[0] == "Collapsed"
    validated = [{"bare": {"hard": right}, "templated": None} for right in (0.5, 0.1)]
    assert words(with_summary(gone, **summary | {"history": validated}))[0] == "Collapsed"


def test_completions_that_never_end_are_a_collapse_too(run):
    found = words(with_summary(run, truncated=[0.1, 0.95]))
    assert found == ["Collapsed", "Works", "Cut off"]


def test_groups_that_are_all_wrong_have_no_signal(run):
    still = replace(run, validation={}, metrics={1: {"frac_reward_zero_std/all_wrong_bare_epoch": 0.95}})
    assert words(still) == ["No signal"]


def test_groups_that_are_all_right_are_saturated(run):
    metrics = {
        1: {"frac_reward_zero_std/all_right_bare_epoch": 0.6, "frac_reward_zero_std/all_right_mixed_epoch": 0.35}
    }
    assert words(replace(run, metrics=metrics)) == ["Works", "Saturated"]


@pytest.mark.parametrize(("right", "word"), [(False, "No signal"), (True, "Saturated")])
def test_without_the_csv_log_the_questions_tell_which_groups_have_no_signal(run, right, word):
    outcome = "correct" if right else "wrong"
    asked = [replace(one, correct=4 * right, outcomes=(outcome,) * 4) for one in run.questions[1]]
    unlogged = replace(run, metrics={}, validation={}, questions=run.questions | {1: asked})
    [finding] = findings(unlogged)
    assert finding.word == word and "all rollouts of 100% of the groups" in finding.text


def test_a_mask_that_leaves_out_what_templates_bring(run):
    masked = replace(run, validation={}, metrics={1: {"context/masked_gap": 0.8}})
    [finding] = findings(masked)
    assert finding.word == "Masked away" and "80% of what they change" in finding.text  # templates are 50 points ahead


def test_accuracies_count_each_question_once(run):
    """Bare, 99 hard questions of 99 are right and an easy one is not: 50 % over difficulties, 99 % over questions."""
    rows = [
        {"context": context, "id": str(n), "difficulty": "hard" if n else "easy", "correct": n >= first}
        for context, first in (("bare", 1), ("templated", 0))
        for n in range(100)
    ]
    last = {"bare": {"easy": 0.0, "hard": 1.0}, "templated": {"easy": 1.0, "hard": 1.0}}
    history = [*run.summary["history"][:-1], last]
    uneven = replace(with_summary(run, history=history), validation={1: rows}, metrics={1: {"context/masked_gap": 0.8}})
    [finding] = findings(uneven)
    assert finding.word == "Saturated" and "validation is at 99%" in finding.text  # and templates are 1 point ahead


def test_empty_banks_and_evolutions_without_scores_found_nothing(run):
    [evolution] = run.evolutions
    empty = replace(evolution, figures=evolution.figures | {"bank": 0})
    assert words(replace(run, evolutions=[empty], validation={})) == ["Evolution found nothing"]
    none = replace(evolution, candidates=[], figures=evolution.figures | {"stopped": "no room", "best_dev_scores": []})
    [finding] = findings(replace(run, evolutions=[none], validation={}))
    assert finding.word == "Evolution found nothing" and "after epoch 0: no room" in finding.text


def test_an_evolution_whose_templates_are_no_longer_kept_counts(tmp_path):
    """Of long runs evolution_log keeps the templates of the first and the latest evolutions alone."""
    folder = whole_folder(tmp_path / "whole")
    before = load_run(folder, "whole")
    RunPaths(folder).candidates(0).unlink()
    after = load_run(folder, "whole")
    assert [one.figures for one in after.evolutions] == [one.figures for one in before.evolutions] != []
    assert words(after) == words(before) == ["Works"] and after.searches == []


def test_a_run_that_has_not_ended_is_said_to_be_one(run):
    def said(run):
        return [(block.text, block.look) for block in verdict([run]).blocks]

    [found] = said(with_summary(run, finished=True))
    unfinished = with_summary(replace(run, config=run.config | {"trainer": {"max_epochs": 5}}), finished=False)
    note = "The run has not come to its end. Epochs done: 2 of 5; all that follows is as of then."
    assert said(unfinished) == [(note, "flag"), found]
    endless = with_summary(replace(run, config=run.config | {"trainer": {"max_epochs": -1}}), finished=False)
    assert "Epochs done: 2; all" in said(endless)[0][0]


def test_without_a_clear_change_it_says_so(run):
    same = {epoch: run.validation[0] for epoch in run.validation}
    [finding] = findings(replace(run, validation=same))
    assert finding.word == "No clear change" and "changed by +0.0 points" in finding.text


def test_of_one_epoch_it_says_where_it_stands(run):
    one = {name: run.summary[name][:1] for name in ("reward", "hard_set", "history", "truncated")} | {"epochs": 1}
    first = replace(run, validation={0: run.validation[0]}, metrics={}, questions={}, evolutions=[])
    [finding] = findings(with_summary(first, **one))
    assert finding.text == (
        "One epoch: the training reward is 0.250, and the validation accuracy of the bare prompt is 42%; a change "
        "needs a second epoch."
    )
    unseen = [{"bare": None, "templated": None}]
    [finding] = findings(with_summary(replace(first, validation={}), **one | {"history": unseen}))
    assert finding.text == "One epoch: the training reward is 0.250; a change needs a second epoch."


def test_long_curves_are_thinned_by_means():
    steps = {number: {"a": float(number), **({"b": 1.0} if number % 2 else {})} for number in range(1000)}
    found = thinned(steps)
    assert len(found) == 200 and found[0] == {"a": 2.0, "b": 1.0}
