"""Each contradiction is named, and a sound config has none."""

import copy
import re
from dataclasses import replace
from functools import reduce

import pytest

from p2o.commands.planning.contradictions import contradictions, rejections
from p2o.mixture.bare_rollouts import FixedBareRollouts
from p2o.objective import MaxRL
from p2o.policy.optimizer import LinearWarmup
from p2o.reflectors import RecordingReflector, SelfReflector, StaticReflector
from p2o.rewards import MathAnswer, SoftOverlong
from p2o.rollouts import SamplingAhead
from p2o.worlds import ReasoningGymScore


@pytest.fixture(scope="module")
def sound(plan_of):
    return plan_of()


def changed(run, path, value):
    """The run with one setting changed, as the constructors keep it."""
    run = replace(run, evolution=copy.copy(run.evolution), data=copy.copy(run.data), module=copy.copy(run.module))
    run.data.hard_set = copy.copy(run.data.hard_set)
    run.module.update = copy.copy(run.module.update)
    *parts, name = path.split(".")
    if not parts:
        return replace(run, **{name: value})
    object.__setattr__(reduce(getattr, parts, run), name, value)  # some parts are frozen
    return run


def test_the_quickstart_has_none(sound):
    assert contradictions(sound) == rejections(sound) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("data.hard_set.tau", 5, r"data.tau \(5\) is above the templated rollouts .* \(6 - 2 = 4\)"),
        ("evolution.min_hard_set", 193, r"min_hard_set \(193\) is above the number of questions \(192\)"),
        ("module.update.mini_batch_size", 5, "does not divide data.batch_size .* has 2 questions"),
        ("module.update.mini_batch_size", 13, "mini_batch_size .* is above data.batch_size"),
        ("data.batch_size", 100, "does not divide the 192 questions: the last batch of an epoch has 92"),
        ("data.questions_per_epoch", 100, "does not divide the 100 questions: the last batch of an epoch has 4"),
        ("data.bare_rollouts", FixedBareRollouts(6), "no rollout carries a template"),
        ("data.batch_size", 200, "one batch an epoch"),
        ("evolution.budget", 53, "With all 192 questions hard, evolution finds nothing: .* it takes 54 rollouts"),
        ("epochs", 1, "max_epochs is 1 and evolution is on"),
        ("evolution.budget", 0, "data.bare_rollouts .* do nothing"),
        ("evolution.completions", 2, "greedy completions are all the same"),
        ("evolution.dev_size", 97, "the dev set has 96 at most"),
        (
            "module.lr_scheduler",
            lambda optimizer: LinearWarmup(optimizer, steps=80),
            "it never reaches the learning rate",
        ),
        ("window", 628, "leaves .* tokens of the model's window for a template"),
    ],
)
def test_each_is_named(sound, path, value, message):
    found = contradictions(changed(sound, path, value))
    assert re.search(message, "\n".join(found)), found


def test_templates_that_do_not_fit_are_named_whatever_is_around_the_reflector(sound, tmp_path):
    path = str(tmp_path / "recording.jsonl")
    longer = RecordingReflector(SelfReflector(max_reply_length=96, max_template_length=2000), path)
    [said] = contradictions(changed(sound, "evolution.reflector", longer))
    assert re.search(r"The longest question leaves \d+ tokens .* templates have up to 2000", said)
    listed = RecordingReflector(StaticReflector(["Be concise.", "long " * 2000, "forged <|end|>"]), path)
    [said] = contradictions(changed(sound, "evolution.reflector", listed))
    assert "2 of the 3 templates of evolution.reflector" in said
    assert "'long long" in said and "too long for the window" in said and "special token" in said
    assert "1920 tokens" in said  # a window of 2,048 less a completion of 128
    fits = StaticReflector(["long " * 500])
    assert contradictions(changed(sound, "evolution.reflector", fits)) == []
    [said] = contradictions(changed(changed(sound, "evolution.reflector", fits), "window", 628))
    assert "1 of the 1 templates" in said
    forged = [replace(sound.data.validation_questions[0], text="<|end|>")]
    run = changed(changed(sound, "evolution.reflector", listed), "data.validation_questions", forged)
    assert contradictions(run) == [] and "special token" in "\n".join(rejections(run))


def test_shared_questions_are_named(sound):
    found = contradictions(changed(sound, "data.validation_questions", sound.data.train_questions))
    assert found == ["192 validation questions are training questions: their accuracy says nothing about new ones."]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("module.max_prompt_length", 20, r"refuses it: .*the prompt has \d+ tokens, model.max_prompt_length is 20"),
        ("window", 300, "window of 300 tokens together"),
        ("module.sampler", SamplingAhead(), "refuses it: model.sampler: SamplingAhead expects a model.engine that"),
        ("module.reward", ReasoningGymScore(), "refuses it: .* ReasoningGymScore grades ReasoningGymQuestions alone"),
        ("module.reward", SoftOverlong(MathAnswer(), 100, 20), "MaxRL .* needs rewards >= 0; SoftOverlong"),
        ("evolution.reflector", SelfReflector(), "refuses it: .*max_reply_length below .* 2048 tokens, got 2048"),
    ],
)
def test_what_fit_refuses_is_named(sound, path, value, message):
    sound = changed(sound, "module.advantage", MaxRL())
    assert rejections(sound) == []
    assert re.search(message, "\n".join(rejections(changed(sound, path, value))))


def test_a_reflector_is_not_asked_for_where_there_is_no_evolution(sound):
    run = changed(sound, "evolution.reflector", SelfReflector())
    assert rejections(changed(run, "evolution.budget", 0)) == rejections(replace(run, epochs=1)) == []
