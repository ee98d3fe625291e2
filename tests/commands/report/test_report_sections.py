"""What sections say of made-up runs whose figures are known."""

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from statistics import stdev

import pytest

from p2o.callbacks.evolution_log import evolution_figures, lineage
from p2o.commands.report.blocks import Figures, Fold, Missing, Text, ValueTable
from p2o.commands.report.flows import Flow, flows, solved_bare
from p2o.commands.report.half_steps import half_steps, joint, label, verdicts
from p2o.commands.report.runs import load_run, load_runs
from p2o.commands.report.sections import SECTIONS
from p2o.commands.report.sections.bare_and_templated import bare_and_templated
from p2o.commands.report.sections.completions import completions
from p2o.commands.report.sections.context_ratio import context_ratio
from p2o.commands.report.sections.cost import charged, cost
from p2o.commands.report.sections.coverage import coverage
from p2o.commands.report.sections.evolution import roots
from p2o.commands.report.sections.internalisation import internalisation
from p2o.commands.report.sections.learning import learning
from p2o.commands.report.sections.overview import overview
from p2o.commands.report.sections.steps import steps
from p2o.commands.report.seeds import mean_over_seeds, seed_groups
from p2o.errors import InputError
from p2o.evolution.history import Candidate, History, Status
from p2o.evolution.result import EvolutionResult
from p2o.evolution.settings import EvolutionSettings
from p2o.evolution.stages.schedule import Schedule
from p2o.run_folder.metrics_log import MetricsLog
from p2o.run_folder.question_record import template_id
from p2o.types import TemplateGap
from run_folders import T, bare_folder, candidates, fixed_questions, mined, whole_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return load_run(whole_folder(tmp_path_factory.mktemp("runs") / "whole"), "whole")


def tables(section):
    drawn = [figure.table for block in section.blocks if isinstance(block, Figures) for figure in block.figures]
    return {
        table.caption: table
        for table in [*drawn, *(block for block in section.blocks if isinstance(block, ValueTable))]
    }


def sentences(section):
    return " ".join(block.text for block in section.blocks if isinstance(block, Text))


def test_flows_tell_leaving_bare_from_leaving_with_help():
    assert flows(dict(enumerate(mined(template_id(T)))), Fraction(1, 4)) == {0: Flow(3, 0, 0, 0), 1: Flow(1, 1, 1, 1)}


def test_a_question_that_an_epoch_does_not_ask_stays_where_it_was():
    """`data.questions_per_epoch`: an epoch asks a part of the questions."""
    [first, second] = mined(template_id(T))
    asked = [record for record in second if record.id != "a"]
    hard = {record.id for record in first if record.hard}
    assert "a" in hard
    of_all, of_part = (flows({0: first, 1: seen}, Fraction(1, 4))[1] for seen in (second, asked))
    assert of_part.entered == of_all.entered
    assert of_part.stuck + of_part.left_bare + of_part.left_helped == len(hard)
    again = flows({0: first, 1: asked, 2: [record for record in first if record.id == "a"]}, Fraction(1, 4))[2]
    assert again.entered == 0 and again.stuck == of_part.stuck + of_part.entered


def test_a_question_without_bare_rollouts_left_with_help():
    [first, second] = mined(template_id(T))
    helped = [record for record in second if record.id == "a"]
    helped = [replace(helped[0], templates=("t",) * 4)]
    assert flows({0: first, 1: helped}, Fraction(1, 4))[1] == Flow(0, 2, 0, 1)  # two were not asked again


def test_bare_rollouts_solve_at_the_rate_of_tau():
    [record] = [record for record in mined("t")[1] if record.id == "a"]  # one of its two bare rollouts is correct
    assert solved_bare(record, Fraction(2, 4)) and not solved_bare(record, Fraction(3, 4))
    again = replace(record, templates=record.templates * 2, outcomes=record.outcomes * 2)
    assert solved_bare(again, Fraction(2, 4)) and not solved_bare(again, Fraction(3, 4))


def test_half_steps_are_paired_by_question():
    steps = half_steps(fixed_questions(values=(0.0, 0.25, 0.5, 0.5), spread=0.3))
    assert [step.name for step in steps] == ["training 0", "evolution 0", "training 1"]
    for step, change in zip(steps, (0.25, 0.25, 0.0), strict=True):
        assert tuple(step.change) == pytest.approx((change,) * 3)
    assert [step.verdict for step in steps] == ["better", "better", "no clear change"]
    measurements = fixed_questions(spread=0.3)
    assert joint(measurements[1]).low < 0.25 < joint(measurements[1]).high  # unpaired, questions differ
    assert label(measurements[0]) == "start"


def test_regressions_and_oscillation_are_flagged():
    found = verdicts(half_steps(fixed_questions(values=(0.2, 0.5, 0.3, 0.6))))
    flagged = [text.text for text in found if text.look == "flag"]
    assert flagged == [
        "Regression: evolution 0.",
        "Oscillation: evolution 0 against training 0; training 1 against evolution 0.",
    ]
    rising = verdicts(half_steps(fixed_questions(values=(0.2, 0.3, 0.4, 0.5))))
    assert not [text for text in rising if text.look == "flag"]
    assert "never fell" in rising[0].text
    assert "did not grow monotonically" in verdicts(half_steps(fixed_questions(values=(0.2, 0.5, 0.3, 0.6))))[0].text


def test_cost_of_the_formula(run):
    assert charged(run.evolutions[0]) == 2 * 1 * 2 + 2 * (1 + 1)  # B is the one train question, V = 2
    [row] = tables(cost([run]))["Evolutions"].rows
    assert row == ["0", "20", "8", "8", "2", "1", "1,234", "56", "5.0", "25%", "0.2500"]
    assert tables(cost([run]))["Rollouts by phase"].rows == [["0", "12", "9", "4"], ["1", "12", "0", "4"]]


def test_a_phase_may_begin_later(run):
    """Hints are written once questions have failed."""
    first, second = run.summary["rollout_history"]
    hinted = replace(run, summary=run.summary | {"rollout_history": [first, second | {"hints": 6}]})
    drawn = tables(cost([hinted]))["Rollouts by phase"]
    assert drawn.head[-1] == "hints" and [row[-1] for row in drawn.rows] == ["0", "6"]


def test_the_formula_charges_second_chances(run):
    """With `SecondChance` parent and child are asked a further mini-batch each."""
    [evolution] = run.evolutions
    [seeds, first, second] = evolution.figures["iteration_figures"]
    chances = first | {"child_rollouts": first["child_rollouts"] + 2 * 2, "second_chances": 2}
    figures = evolution.figures | {"iteration_figures": [seeds, chances, second], "spent": 8 + 4}
    assert charged(replace(evolution, figures=figures)) == charged(evolution) + 2 * 2 * 1 == figures["spent"]


def test_a_screened_evolution_shows_its_stages_and_what_was_covered_beyond_the_screen(run):
    [evolution] = run.evolutions
    stages = {"search": {"iterations": 3, "rollouts": 6}, "cover": {"iterations": 2, "rollouts": 5}}
    figures = evolution.figures | {"dev": 4, "screen": 2, "stages": stages, "solvers": {"a": ["x"], "d3": ["x"]}}
    figures["dev_questions"] = ["a", "b", "d3", "d4"]
    seed, child, other = evolution.candidates
    child = child | {"cover_scores": {"d3": 1.0, "d4": 0.0}}
    screened = replace(run, evolutions=[replace(evolution, figures=figures, candidates=[seed, child, other])])
    assert charged(screened.evolutions[0]) == 2 * 1 * 2 + 2 * (1 + 1) + 5  # V = 2, the screen
    rows = tables(cost([screened]))["Stages of evolution"].rows
    assert rows == [["0", "search", "3", "6"], ["0", "cover", "2", "5"]]
    found = tables(coverage([screened]))
    assert found["Bank after epoch 0, and epoch 1"].rows[0][:4] == [T, "0.50", "2", "2"]
    assert found["Dev questions solved"].rows == [["0", "50.0%", "50.0%", "0.0%"]]
    assert "Stages of evolution" not in tables(cost([run]))


def test_with_a_screen_the_bank_and_the_best_template_are_shares_of_the_same_questions(run):
    """One template in the bank, right on both questions of the screen and on one of the other six."""
    [evolution] = run.evolutions
    dev = [f"d{number}" for number in range(8)]
    figures = evolution.figures | {"dev": 8, "screen": 2, "dev_questions": dev}
    figures["solvers"] = {id: [template_id(T)] for id in dev[:3]}
    seed, child, _ = evolution.candidates
    child = child | {"dev_scores": [1.0, 1.0], "cover_scores": {id: float(id == "d2") for id in dev[2:]}}
    screened = replace(run, evolutions=[replace(evolution, figures=figures, candidates=[seed, child])])
    section = coverage([screened])
    assert tables(section)["Dev questions solved"].rows == [["0", "100.0%", "100.0%", "0.0%"]]
    said = [block.text for block in section.blocks if isinstance(block, Text)]
    assert "The bank after epoch 0 solves 3 of all 8 dev questions." in " ".join(said)


def banked(run, pool, **settings):
    """Rows of the bank of these texts, dev scores and second draws, as evolution makes and logs it; its curve too."""
    [evolution] = run.evolutions
    screen = [f"d{number}" for number in range(len(pool[0][1]))]
    pool = tuple(
        Candidate(text, Status.SEED, 0, dev_scores=scores, confirmed=confirmed) for text, scores, confirmed in pool
    )
    sizes = EvolutionSettings(budget=1000, **settings)
    bank = Schedule(sizes, History(pool), screen, len(screen)).bank
    found = EvolutionResult(0, (), tuple(screen), sizes, History(pool), bank, "", 0.0, {}, {})
    figures = evolution.figures | evolution_figures(found)
    section = coverage(
        [replace(run, evolutions=[replace(evolution, figures=figures, candidates=list(lineage(found)))])]
    )
    return tables(section)["Bank after epoch 0, and epoch 1"].rows, tables(section)["Dev questions solved"].rows


def test_a_bank_by_shares_is_listed_whole(run):
    """No template gets more than half of a question's completions right, and each adds to the cover."""
    pool = [("", (0.0, 0.0, 0.0), {}), ("X", (0.5, 0.25, 0.0), {}), ("Y", (0.25, 0.5, 0.25), {})]
    rows, curve = banked(run, pool, credit="share", completions=4)
    assert [row[:4] for row in rows] == [["Y", "0.33", "3", "1"], ["X", "0.25", "2", "0.25"]]
    assert curve == [["0", "100.0%", "100.0%", "0.0%"]]


def test_a_lucky_hit_that_the_cover_dropped_adds_nothing(run):
    pool = [("", (0.0,) * 4, {}), ("X", (1.0, 1.0, 0.0, 0.0), {}), ("Y", (0.0, 0.0, 1.0, 1.0), {"d2": 0.0})]
    rows, curve = banked(run, pool, confirm="drop")
    assert [row[:4] for row in rows] == [["X", "0.50", "2", "2"], ["Y", "0.50", "1", "1"]]
    assert curve == [["0", "75.0%", "50.0%", "0.0%"]]
    rows, _ = banked(run, pool, confirm="report")
    assert [row[:4] for row in rows] == [["X", "0.50", "2", "2"], ["Y", "0.50", "2", "2"]]


def test_a_failed_evolution_has_no_bank_of_its_own(run):
    [evolution] = run.evolutions
    figures = evolution.figures | {"failure": "status 401", "bank": 3, "solvers": {}}
    section = coverage([replace(run, evolutions=[replace(evolution, figures=figures)])])
    assert tables(section)["Dev questions solved"].rows == [["0", "–", "50.0%", "0.0%"]]
    assert "Bank after epoch 0, and epoch 1" not in tables(section)
    said = " ".join(block.text for block in section.blocks if isinstance(block, Text))
    assert "Reflection failed after epoch 0" in said and "as it was before (3 templates)" in said


def test_lineage_hangs_children_on_their_parents():
    [seed] = roots(candidates(T))
    [child] = seed.children
    assert (child.text, [node.text for node in child.rejected]) == (T, [f"{T}!"])
    assert "mini-batch 0.00 → 1.00" in child.marks and "in the bank, weight 0.50" in child.marks
    assert seed.rejected == []


def test_replies_without_a_template_hang_on_their_parent():
    proposal = {"iteration": 1, "parent": "", "cause": "no fence", "prompt": "p", "reply": "I would rather not."}
    [seed] = roots(candidates(T), [proposal])
    assert [(node.title, node.reply) for node in seed.rejected] == [("no template: no fence", "I would rather not.")]


def test_the_masked_part_of_what_templates_bring_is_flagged(run):
    masked = replace(run, metrics={1: run.metrics[1] | {"context/masked_gap": 0.9}})
    [said] = [block for block in context_ratio([masked]).blocks if isinstance(block, Text) and block.look == "flag"]
    assert "left out 90% of the gap" in said.text and f"“{T}” (100%)" in said.text


def test_the_templates_that_are_named_are_those_that_bring_most_of_what_is_masked(run):
    """The most drawn one brings nothing of it; of an earlier release nobody knows."""
    loses = TemplateGap("Loses all.", -3.0, 0.1, 2, 10.0, 9.0)
    others = [TemplateGap(f"Template {n}.", -0.1, 0.1, 2, 10.0, nats) for n, nats in enumerate((0.5, 0.2, 0.3))]
    gaps = {"most drawn": TemplateGap(T, -0.1, 0.0, 50, 5.0, 0.0), **{one.template: one for one in [loses, *others]}}
    masked = replace(run, metrics={1: run.metrics[1] | {"context/masked_gap": 0.9}}, gaps={1: gaps})
    said = sentences(context_ratio([masked]))
    assert "“Loses all.” (90%), “Template 0.” (5%), “Template 2.” (3%)" in said and T not in said
    old = replace(masked, gaps={1: {template_id(T): TemplateGap(T, -0.75, 0.125, 5)}})
    assert "left out 90% of the gap" in sentences(context_ratio([old])) and T not in sentences(context_ratio([old]))


def test_what_successes_rely_on_is_told_by_template(run):
    """Of the fixture: Δ = -0.75 of five correct completions in epoch 1, in which the template had six rollouts.

    7 of the 8 nats that it added are masked, in an eighth of the tokens; earlier releases did not count them.
    """
    table = tables(context_ratio([run]))["What successes rely on"]
    [row] = table.rows
    assert row[:2] == ["1", T] and row[2].endswith(" of 6") and row[3:] == ["-0.75", "87.5%", "12.5%", "5"]
    assert table.head[4:6] == ["masked gap", "masked tokens"]
    old = replace(run, gaps={1: {template_id(T): TemplateGap(T, -0.75, 0.125, 5)}})
    [row] = tables(context_ratio([old]))["What successes rely on"].rows
    assert row[3:] == ["-0.75", "–", "12.5%", "5"]


def test_a_template_that_solved_nothing_is_still_in_the_pool():
    first, child, _ = candidates(T)
    [seed] = roots([first, child | {"dev_score": 0.0, "dev_scores": [0.0, 0.0]}])
    assert [node.text for node in seed.children] == [T]


def test_coverage_and_use_of_the_bank(run):
    found = tables(coverage([run]))
    assert found["Bank after epoch 0, and epoch 1"].rows == [[T, "0.50", "1", "1", "6", "50%"]]
    assert found["Dev questions solved"].rows == [["0", "50.0%", "50.0%", "0.0%"]]


def test_the_cover_counts_what_each_template_adds(run):
    [evolution] = run.evolutions
    seed, child, _ = evolution.candidates
    other = child | {"id": "other", "text": "Other.", "dev_scores": [1.0, 1.0], "weight": 1.0}
    third = child | {"id": "third", "text": "Third.", "dev_scores": [0.0, 1.0], "weight": 0.5}
    covered = replace(run, evolutions=[replace(evolution, candidates=[seed, child, third])])
    rows = tables(coverage([covered]))["Bank after epoch 0, and epoch 1"].rows
    assert [row[:4] for row in rows] == [[T, "0.50", "1", "1"], ["Third.", "0.50", "1", "1"]]
    better = replace(run, evolutions=[replace(evolution, candidates=[seed, child, other])])
    [row] = tables(coverage([better]))["Bank after epoch 0, and epoch 1"].rows
    assert row[:4] == ["Other.", "1.00", "2", "2"]


def test_pass_at_k_compares_the_same_questions(run):
    found = tables(bare_and_templated([run]))
    assert [row[0] for row in found["Training rollouts: pass@1"].rows] == ["1"]
    [[_, bare, templated]] = found["Training rollouts: pass@2"].rows
    assert bare.startswith("33.3%") and templated.startswith("66.7%")  # of a, b and c
    assert {caption for caption in found if caption.startswith("Fixed questions")} == {
        "Fixed questions, before training: pass@1",
        "Fixed questions, before training: pass@2",
    }


def test_internalisation_follows_questions_that_were_hard(run):
    [row] = tables(internalisation([run]))["Questions that were hard once"].rows
    assert row[0] == "1" and row[1].startswith("16.7%") and row[3].startswith("50.0%")


def test_questions_without_bare_rollouts_are_not_compared(run):
    templated = [replace(record, templates=("t",) * 4) for record in run.questions[1]]
    found = tables(bare_and_templated([replace(run, questions={1: templated}, measurements=[])]))
    assert found == {}


def test_a_question_that_left_is_followed_on(run):
    gone = [replace(record, hard=False, outcomes=("correct",) * 4, templates=("",) * 4) for record in run.questions[1]]
    later = [replace(record, epoch=2) for record in gone]
    rows = tables(internalisation([replace(run, questions={0: run.questions[0], 1: gone, 2: later})]))
    assert [row[1][:4] for row in rows["Questions that were hard once"].rows] == ["100.", "100."]


def test_the_gap_is_of_questions_that_have_both_kinds(run):
    """The empty template is drawn for some rollouts of a question: another one has templated rollouts alone."""
    both = replace(run.questions[1][1], outcomes=("wrong",) * 4, templates=("", "", "t", "t"))
    alone = replace(run.questions[1][0], outcomes=("correct",) * 4, templates=("t",) * 4)
    epochs = {epoch: [replace(record, epoch=epoch) for record in (both, alone)] for epoch in (1, 2)}
    section = internalisation([replace(run, questions={0: run.questions[0], **epochs})])
    assert "ahead of bare ones by +0.0% in epoch 1 and by +0.0% in epoch 2" in " ".join(
        block.text for block in section.blocks if isinstance(block, Text)
    )


def test_context_ratio_is_read_from_the_log(run):
    assert tables(context_ratio([run]))["Masked tokens"].rows == [["1", "12.5%", "25.0%"]]


def test_completions_stand_side_by_side(run):
    [example, *_] = completions([run]).blocks
    assert [[cell.title for cell in row] for row in example.rows] == [
        ["epoch 0, bare", "epoch 0, templated"],
        ["epoch 1, bare", "epoch 1, templated"],
    ]


def test_every_section_of_a_whole_run_has_data(run):
    for section in SECTIONS:
        assert not [block.text for block in section([run]).blocks if isinstance(block, Missing)]


def test_every_section_without_data_says_why(tmp_path):
    run = load_run(bare_folder(tmp_path / "bare"), "bare")
    silent = {"learning", "verdict"}  # their data are in the summary
    for section in SECTIONS:
        made = section([run])
        assert made.id in silent or [block for block in made.blocks if isinstance(block, Missing)], made.id


def test_configs_that_differ(run, tmp_path):
    other = load_run(whole_folder(tmp_path / "other", text="Other."), "other")
    found = tables(overview([run, other]))["Where the configs differ"]
    assert found.rows == [["evolution.reflector.class_path", f"p2o.{T}", "p2o.Other."]]


def test_a_resumed_run_counts_what_was_logged_last(tmp_path):
    root = whole_folder(tmp_path / "run")
    second = root / "logs" / "version_1"
    second.mkdir()
    (second / "metrics.csv").write_text("context/below,epoch\n0.75,1\n0.5,7\n", encoding="utf-8")
    metrics = load_run(root, "run").metrics
    assert metrics[1]["context/below"] == 0.75 and metrics[1]["context/above"] == 0.25
    assert 7 not in metrics  # of a run that went another way


def test_files_of_epochs_that_are_not_finished_do_not_count(tmp_path):
    root = whole_folder(tmp_path / "run")
    summary = json.loads((root / "summary.json").read_text())
    one = {name: value[:1] if isinstance(value, list) else value for name, value in summary.items()} | {"epochs": 1}
    (root / "summary.json").write_text(json.dumps(one))
    run = load_run(root, "run")
    assert list(run.questions) == [0] and [m["epoch"] for m in run.measurements] == [0, 0]


def test_runs_have_the_shortest_names_that_differ(tmp_path):
    folders = [bare_folder(tmp_path / part / "run") for part in ("a", "b")]
    assert [run.name for run in load_runs(folders)] == ["a/run", "b/run"]
    with pytest.raises(InputError, match="got one twice"):
        load_runs([folders[0], folders[0]])


def test_an_evolution_that_scored_nothing_says_why(tmp_path):
    root = whole_folder(tmp_path / "run")
    (root / "evolution" / "epoch-0000.jsonl").write_text("")
    nothing = {
        "best_dev_scores": [],
        "iteration_figures": [],
        "solvers": {},
        "spent": 0,
        "dev": 0,
        "stopped": "it is so",
    }
    figures = json.loads((root / "evolution" / "epoch-0000.json").read_text())
    (root / "evolution" / "epoch-0000.json").write_text(json.dumps(figures | nothing))
    run = load_run(root, "run")
    for section in SECTIONS:
        made = section([run])
        if made.id in ("evolution", "coverage"):
            assert [block.text for block in made.blocks] == ["No evolution scored a template, after epoch 0: it is so."]


@pytest.mark.parametrize("content", [None, "{}", "[]", "{", '{"epochs": 0, "reward": []}'])
def test_a_folder_that_is_no_run_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    with pytest.raises(InputError, match="expected"):
        load_run(tmp_path, "x")


def test_texts_say_what_the_figures_are(run):
    for section in SECTIONS:
        for block in section([run]).blocks:
            if isinstance(block, Figures):
                assert all(figure.alt.startswith(figure.title) and figure.table.rows for figure in block.figures)
            if isinstance(block, Text):
                assert block.text.endswith(".")


def test_steps_and_pace_are_drawn(run):
    drawn = tables(steps([run]))
    assert drawn["Groups without variance"].head == ["step", "all wrong", "all right", "all of them"]
    assert drawn["Groups without variance"].rows == [["0", "75.0%", "0.0%", "75.0%"], ["1", "25.0%", "25.0%", "50.0%"]]
    made = cost([run])
    assert tables(made)["Seconds by phase"].rows == [["0", "12", "5", "3"], ["1", "6", "4", "0"]]
    [said] = [block.text for block in made.blocks if isinstance(block, Text) and block.look == "plain"]
    assert "rollouts 60%, update 30%, other 10%" in said and "250 to 500 tokens a second" in said
    assert "of 60 s over 2 starts, 45% went" in said


def test_settings_come_with_versions_and_hardware(run):
    assert ["torch", "2.13.0"] in tables(overview([run]))["Versions and hardware"].rows


def test_several_runs_are_folded_and_seeds_taken_together(run):
    second = replace(run, name="whole2", summary=run.summary | {"reward": [0.5, 1.0]})
    other = replace(run, name="other", config=run.config | {"data": {"tau": 3}})
    runs = [run, second, other]
    assert [(group.name, len(group.runs)) for group in seed_groups(runs)] == [("whole (2 seeds)", 2), ("other", 1)]
    drawn = tables(learning(runs))["Training reward"]
    assert drawn.head == ["epoch", "whole (2 seeds)", "other"]
    assert drawn.rows[0] == ["0", "0.375 [-1.213, 1.963]", "0.250"]  # 12.706 · 0.1768 / √2
    over = tables(overview(runs))["Over seeds"]
    assert over.rows[0] == ["training reward", "0.75 [-2.43, 3.93]"]
    folds = [block for block in steps(runs).blocks if isinstance(block, Fold)]
    assert [fold.title for fold in folds] == ["whole", "whole2", "other"]


def test_a_seed_counts_once(run):
    one, again, other = (
        replace(run, name=name, config=run.config | {"seed_everything": seed})
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert [[member.name for member in group.runs] for group in seed_groups([one, again, other])] == [["a", "c"], ["b"]]


def test_seeds_are_taken_together_where_all_have_come(run):
    short = {name: run.summary[name][:1] for name in ("reward", "hard_set", "history")}
    unfinished = replace(run, name="whole2", summary=run.summary | short | {"epochs": 1})
    rows = dict(tables(overview([run, unfinished]))["Over seeds"].rows)
    assert rows["training reward"] == "0.25 [0.25, 0.25]" and "validation, templated, hard" not in rows


def over_seeds(runs):
    return tables(overview(runs))["Over seeds"]


def test_a_mean_over_seeds_says_of_how_many_it_is(run):
    """A seed without a template has no templated accuracy, and one number alone has no interval."""
    last = {"bare": {"hard": 0.5}, "templated": None}
    second = replace(run, name="whole2", summary=run.summary | {"history": [run.summary["history"][0], last]})
    rows = dict(over_seeds([run, second]).rows)
    assert rows["validation, templated, hard"] == "100.0 % (1 of 2)"
    third = replace(run, name="whole3")
    rows = dict(over_seeds([run, second, third]).rows)
    assert rows["validation, templated, hard"] == "100.0 % [100.0, 100.0] (2 of 3)"
    assert rows["validation, bare, hard"] == "50.0 % [50.0, 50.0]"


def test_a_figure_that_one_method_lacks_is_shown_of_the_other(run):
    bare = [epoch | {"templated": None} for epoch in run.summary["history"]]
    grpo = replace(run, name="grpo", summary=run.summary | {"history": bare}, config=run.config | {"data": {"tau": 3}})
    runs = [run, replace(run, name="whole2"), grpo, replace(grpo, name="grpo2")]
    row = ["validation, templated, hard", "100.0 % [100.0, 100.0]", "–"]
    assert row in over_seeds(runs).rows
    assert [row[0], row[2], row[1]] in over_seeds([*runs[2:], *runs[:2]]).rows


def test_a_mean_over_seeds_has_the_interval_of_student():
    assert tuple(mean_over_seeds([0.2])) == (0.2, 0.2, 0.2)
    mean, low, high = mean_over_seeds([0.1, 0.2, 0.3])
    assert (mean, low, high) == pytest.approx((0.2, 0.2 - 4.3027 * 0.1 / 3**0.5, 0.2 + 4.3027 * 0.1 / 3**0.5), abs=1e-5)


# 97.5 % quantiles by degrees of freedom: Abramowitz and Stegun, Handbook of Mathematical Functions, table 26.10.
@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (11, 2.201), (30, 2.042), (120, 1.980)]
)
def test_the_interval_over_seeds_knows_every_number_of_them(degrees, quantile):
    values = [float(number) for number in range(degrees + 1)]
    mean, low, high = mean_over_seeds(values)
    assert (high - low) / 2 == pytest.approx(quantile * stdev(values) / len(values) ** 0.5, rel=3e-4)
    assert mean == pytest.approx((low + high) / 2)


def test_settings_are_whole_but_for_the_paths_of_classes(run):
    model = {
        "model": "Qwen/Qwen3-0.6B",
        "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 2.0e-4}},
        "context": {"class_path": "p2o.objective.Replace"},
    }
    rows = dict(tables(overview([replace(run, config={"model": model})]))["Settings"].rows)
    assert rows["policy"] == "Qwen/Qwen3-0.6B" and rows["learning rate"] == "0.0002"
    assert rows["context estimator"] == "Replace" and rows["reflector"] == "–"


def with_metrics(run, root, *rows):
    """The run with these rows of its CSV log, each of a step and an epoch, as `p2o fit` writes them."""
    folder = whole_folder(root)
    shutil.rmtree(folder / "logs")
    log = MetricsLog(folder, "logs")
    for step, epoch, metrics in rows:
        log.log_metrics(metrics | {"epoch": epoch}, step)
        log.save()
    return load_run(folder, run.name)


def test_entropy_and_the_distance_from_the_start_are_drawn_where_they_are_logged(run, tmp_path):
    """Fixed questions have rows of their own: before training, and after each epoch of it."""
    rows = [
        (0, 0, {"fixed_questions/kl": 0.0}),
        (0, 0, {"train/reward_step": 0.25, "policy/entropy": 0.5}),
        (1, 0, {"fixed_questions/kl": 0.0}),
        (1, 1, {"train/reward_step": 0.5, "policy/entropy": 0.25}),
    ]
    found = tables(steps([with_metrics(run, tmp_path / "still", *rows)]))
    assert [row[1] for row in found["Entropy"].rows] == ["0.500", "0.250"]
    assert not [title for title in found if title.startswith("KL")]  # zeros alone draw nothing
    moved = with_metrics(run, tmp_path / "moved", *rows, (2, 1, {"fixed_questions/kl": 0.125}))
    found = tables(steps([moved]))
    assert [row[1] for row in found["Training reward"].rows] == ["0.250", "0.500"]
    drawn = found["KL to the policy before training, bare fixed questions"].rows
    assert drawn == [["0", "0"], ["1", "0"], ["2", "0.125"]]
