import copy
import warnings
from dataclasses import replace

import pytest
from lightning import Callback
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.strategies import (
    DDPStrategy,
    DeepSpeedStrategy,
    FSDPStrategy,
    ModelParallelStrategy,
    SingleDeviceStrategy,
)

from factories import question
from p2o.errors import InputError, refuse
from p2o.mixture.overlap import warn_of_overlap
from p2o.policy.optimizer import LinearWarmup, check_optimizer
from p2o.policy.preflight import (
    check_lengths,
    check_monitors,
    check_prompts,
    check_questions,
)
from p2o.policy.sharding import ShardedStrategy, check_strategy
from p2o.prompts.renderer import PromptRenderer
from p2o.rewards.base import Reward
from p2o.types import Question


class EvenAnswers(Reward):
    def grade(self, answered):
        raise AssertionError("nothing is graded before training")

    def reject(self, answer):
        return "" if int(answer) % 2 == 0 else "it is odd"


def check(tokenizer, text="1+1?", answer="2", room=40):
    questions = [Question("a", "0+0?", "0"), Question("b", text, answer, origin="train.jsonl:7")]
    check_questions(questions, PromptRenderer(tokenizer, "Q: "), EvenAnswers(), room)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "3"}, r"train.jsonl:7 \(id 'b'\): the answer '3' can never be matched: it is odd"),
        ({"text": "x" * 50}, r"train.jsonl:7 \(id 'b'\): the prompt has 56 tokens, model.max_prompt_length is 40"),
        ({"text": "a<|end|>"}, r"train.jsonl:7 \(id 'b'\): .*special token"),
    ],
)
def test_names_the_row(tokenizer, change, message):
    check(tokenizer)
    with pytest.raises(InputError, match=message):
        check(tokenizer, **change)


def test_lengths_must_fit_the_window():
    check_lengths(300, 212, 512)
    with pytest.raises(InputError, match="window of 512"):
        check_lengths(300, 213, 512)


def test_validation_questions_that_are_trained_on_are_named():
    train = [Question("a", "0+0?", "0"), Question("b", "1+1?", "2")]
    with pytest.warns(UserWarning, match="1 of 2 validation questions are training questions as well: c"):
        warn_of_overlap(train, [Question("c", "1+1?", "2"), Question("d", "1+2?", "3")])
    with pytest.warns(UserWarning, match="1 of 3 training questions have the text of another one"):
        warn_of_overlap([*train, Question("e", " 1+1?", "2")], [])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_overlap(train, [Question("d", "1+2?", "3")])


def test_what_is_monitored_must_be_measured():
    questions = [question(0), question(1)]
    check_monitors([ModelCheckpoint(monitor=None), EarlyStopping("val/bare/all"), Callback()], questions)
    check_monitors(
        [EarlyStopping("val/templated/all", strict=False), ModelCheckpoint(monitor="train/reward")], questions
    )
    for wrong in ("val/bare/hrad", "val/templated/all"):
        with pytest.raises(InputError, match=rf"ModelCheckpoint: monitor: .*\(val/bare/all\), got '{wrong}'"):
            check_monitors([ModelCheckpoint(monitor=wrong)], questions)


def test_a_callback_may_call_something_else_its_monitor():
    callback = Callback()
    for monitor in (["loss", "reward"], 3, print, None):
        callback.monitor = monitor
        check_monitors([callback], [question(0)])


def test_problems_may_be_a_list():
    """Those of a part of one's own, whose hooks give an iterator or what one can loop over."""
    refuse([])
    for problems in (["a", "b"], iter(["a", "b"])):
        with pytest.raises(InputError, match=r"^a$"):
            refuse(problems)


def _asserting(parameters):
    assert len(list(parameters)) > 9, "expected ten matrices"


def _looking_up(parameters):
    return {}["name"]


@pytest.mark.parametrize(("optimizer", "said"), [(_asserting, "ten matrices"), (_looking_up, "KeyError: 'name'")])
def test_an_optimizer_that_asserts_when_it_is_made_is_one_message(optimizer, said):
    with pytest.raises(InputError, match=rf"model\.optimizer: .*{said}"):
        check_optimizer(optimizer, LinearWarmup)


def test_an_epoch_is_not_chosen_by_the_validation_of_an_earlier_one():
    questions = [replace(question(1), difficulty="all")]
    for every_n_epochs in (2, 4, 0):
        check_monitors([ModelCheckpoint(monitor="val/bare/all", every_n_epochs=every_n_epochs)], questions, 2)
    check_monitors([ModelCheckpoint(monitor=None), EarlyStopping("val/bare/all")], questions, 2)
    with pytest.raises(InputError, match=r"every_n_epochs: expected a multiple of .*\(2\), got 3"):
        check_monitors([ModelCheckpoint(monitor="val/bare/all", every_n_epochs=3)], questions, 2)


def test_two_questions_with_one_prompt_are_refused(tokenizer):
    cut = copy.deepcopy(tokenizer)
    cut.chat_template = "<|user|>{{ messages[0].content[:24] }}<|end|><|assistant|>"
    questions = [Question(str(n), f"The same long beginning, then {n}", "4", origin=f"train:{n}") for n in range(3)]
    with pytest.raises(InputError, match=r"train:1 .*: the prompt is that of train:0"):
        check_prompts(questions, PromptRenderer(cut, ""), 1000)
    check_prompts(questions, PromptRenderer(tokenizer, ""), 1000)
    check_prompts([questions[0], replace(questions[0], id="again")], PromptRenderer(tokenizer, ""), 1000)


@pytest.mark.parametrize("kind", [ModelParallelStrategy, FSDPStrategy, DeepSpeedStrategy])
def test_a_strategy_that_shards_in_another_way_is_one_message(kind):
    """Their constructors want GPUs or other packages; what is refused is the kind."""
    with pytest.raises(InputError, match=f"expected auto, ddp or sharded .*, got {kind.__name__}"):
        check_strategy(object.__new__(kind))
    for known in (SingleDeviceStrategy(), DDPStrategy(), ShardedStrategy()):
        check_strategy(known)
