"""Parts that would have nothing to do are refused by `p2o fit` before anything is sampled, and listed by `p2o plan`."""

import pytest

from p2o.cli.main import main
from p2o.engines import TransformersEngine
from quickstart_run import CONFIG, fit

KL = "--model.regularizers=[{class_path: ReverseContextKL, init_args: {beta: 1.0, weights: current}}]"
EVOLVES = ("--evolution.budget=30", "--evolution.dev_size=4", "--evolution.min_hard_set=1", "--trainer.max_epochs=2")
ONLY_SIGNAL = ("--model.aggregation=OnlySignal", "--model.aggregation.of=TokenMean")
WITHIN = ("--model.aggregation=WithoutTruncated", "--model.aggregation.of={class_path: OnlySignal, init_args: "
          "{of: {class_path: TokenMean}}}")  # fmt: skip
ENTROPY = "--model.regularizers=[{class_path: EntropyBonus, init_args: {coefficient: 0.01}}]"
TEACHER = (
    "--model.sampler=TeacherCompletions",
    "--model.sampler.teacher={class_path: PromptedTeacher, init_args: {template: Go step by step.}}",
)
GRADED = "{class_path: GradedQuestions, init_args: {difficulties: [hard, Easy]}}"
SLICES = ("--data.questions_per_epoch=4",)
OVERLONG = ("--model.reward=SoftOverlong", "--model.reward.of=MathAnswer", "--model.reward.max_length=200",
            "--model.reward.cache=20")  # fmt: skip
REFUSED = [
    ((KL, "--data.bare_rollouts=0", *EVOLVES), "and data.bare_rollouts leaves none"),
    ((KL, "--data.bare_rollouts=2"), "none will come: evolution has no budget"),
    (
        ("--data.assignment=WhileHelpful", "--data.bare_rollouts=0", *EVOLVES, "--evolution.carry_over=true"),
        "WhileHelpful compares templates",
    ),
    (("--data.assignment=WhileHelpful", *EVOLVES, "--data.bare_rollouts=2"), "and evolution.carry_over to true"),
    ((*TEACHER, *EVOLVES), "evolution would be paid for in vain"),
    ((*TEACHER, "--model.correction=TruncatedImportance"), "TruncatedImportance weighs tokens against"),
    ((*ONLY_SIGNAL, ENTROPY), "OnlySignal leaves out completions without advantage, on which EntropyBonus has"),
    ((*WITHIN, ENTROPY), "OnlySignal leaves out completions without advantage, on which EntropyBonus has"),
    ((f"--data.carry={GRADED}",), "data.carry: GradedQuestions: expected difficulties of the training questions (easy"),
    ((*EVOLVES, f"--evolution.learn_from={GRADED}"), "evolution.learn_from: GradedQuestions: expected difficulties"),
    (
        (f"--data.draw={{class_path: EasyMixing, init_args: {{share: 0.5, easy: {GRADED}}}}}", *SLICES),
        "data.draw: GradedQuestions: expected difficulties",
    ),
    (OVERLONG, "model.reward: SoftOverlong: expected a max_length from model.max_completion_length"),
    (("--trainer.max_steps=3",), "trainer.max_steps: expected -1, got 3"),
    (("--trainer.max_time=00:00:01:00",), "Send SIGTERM in its place"),
    (("--trainer.overfit_batches=2",), "trainer.overfit_batches: expected 0, got 2"),
]
DRAWN = "{class_path: AnnealedBareRollouts, init_args: {first: 0, last: 60, until: 5}}"


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_a_run_does_not_begin(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.setattr(TransformersEngine, "generate", lambda *_: pytest.fail("it began"))
    with pytest.raises(SystemExit) as ended:
        fit(tmp_path, *options)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_a_plan_says_so(capsys, options, message):
    try:
        main(["plan", f"--config={CONFIG}", "--evolution.budget=0", "--trainer.max_epochs=1", *options])
    except SystemExit as ended:  # what plan cannot count either
        assert ended.code == 2
    printed = capsys.readouterr()
    assert message in " ".join((printed.out + printed.err).split())


def test_a_schedule_never_leaves_more_rollouts_bare_than_there_are(tmp_path, capsys):
    with pytest.raises(SystemExit):
        fit(tmp_path, f"--data.bare_rollouts={DRAWN}")
    assert "data.bare_rollouts must be between 0 and data.num_generations (6), got 60" in capsys.readouterr().err


def test_nobody_evolves_after_a_run_that_has_stopped(tmp_path, monkeypatch):
    """A callback stops it after its first epoch; the evolution waits for a run that goes on."""
    clean, titles = TransformersEngine.generate, []

    def observed(self, policy, prompts, sampling, title):
        titles.append(title)
        return clean(self, policy, prompts, sampling, title)

    monkeypatch.setattr(TransformersEngine, "generate", observed)
    stop = "{monitor: val/bare/easy, mode: max, stopping_threshold: -1.0}"
    stops = f"--trainer.callbacks+={{class_path: lightning.pytorch.callbacks.EarlyStopping, init_args: {stop}}}"
    fit(tmp_path, *EVOLVES, "--trainer.max_epochs=3", "--trainer.limit_val_batches=1.0", stops)
    assert titles.count("rollouts") == 3 and "reflection" not in titles  # two batches and a validation
    fit(tmp_path, *EVOLVES, "--trainer.max_epochs=2", "--trainer.limit_val_batches=1.0", "--ckpt_path=last")
    assert "reflection" in titles


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ((), 8),
        (("--evolution.learn_from=AskedQuestions", *SLICES, "--trainer.max_epochs=9"), 4),
        (("--evolution.learn_from={class_path: GradedQuestions, init_args: {difficulties: [easy]}}",), 4),
    ],
)
def test_a_run_says_that_its_evolution_will_never_come(tmp_path, monkeypatch, options, most):
    class Begun(Exception):
        pass

    def begin(*_):
        raise Begun

    monkeypatch.setattr(TransformersEngine, "generate", begin)
    said = rf"min_hard_set \({most + 1}\) is above the {most} questions that an evolution can see"
    with pytest.warns(UserWarning, match=said), pytest.raises(Begun):
        fit(tmp_path, *EVOLVES, f"--evolution.min_hard_set={most + 1}", *options)
