"""Fixed questions asked of the real micro-policy on one process and on two whose engine works only if both ask it."""

import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed
import torch.multiprocessing
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.plugins import Precision

from p2o.callbacks.fixed_question_rollouts import choose_questions
from p2o.callbacks.fixed_questions import FixedQuestionEvaluation
from p2o.engines import TransformersEngine
from p2o.logprobs.forward_pass import padded_logps
from p2o.mixture.data_module import MixtureDataModule
from p2o.objective.advantages import GroupNormalized
from p2o.objective.context_estimators import Masked
from p2o.objective.losses import ClippedLoss
from p2o.policy.loading import BUNDLED, load_policy, load_tokenizer
from p2o.policy.module import PolicyModule
from p2o.policy.references import InitialPolicy
from p2o.prompts.renderer import PromptRenderer
from p2o.prompts.templates import Template, TemplateBank
from p2o.rewards import MathAnswer
from p2o.rollouts import RolloutRequest, RolloutWorker
from p2o.seeds import derive_seed
from p2o.worlds.bundled import INSTRUCTION
from p2o.worlds.chains import ChainQuestions
from processes import FORKED


class CollectiveEngine(TransformersEngine):
    """As an engine whose model is sharded: every process must come, if with no prompt."""

    def generate(self, policy, prompts, sampling, title):
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        return super().generate(policy, prompts, sampling, title)


def parts():
    """A module that could begin to train, and its questions."""
    own = (CollectiveEngine(), MathAnswer(), GroupNormalized(), Masked(), ClippedLoss())
    module = PolicyModule(BUNDLED, *own, max_completion_length=32)
    module.renderer = PromptRenderer(load_tokenizer(BUNDLED), INSTRUCTION)
    module.worker = RolloutWorker(module.engine, module.renderer, module.reward, module.counts)
    module.policy = load_policy(BUNDLED)
    questions = ChainQuestions("train", easy=1, hard=2)
    data = MixtureDataModule(questions, questions, num_generations=2, bare_rollouts=1)
    data.setup("fit")
    return module, data


def trainer_of(data, root, first=True):
    place = dict(current_epoch=0, is_global_zero=first, default_root_dir=root, precision_plugin=Precision())
    place["fast_dev_run"] = False
    place["fit_loop"] = SimpleNamespace(epoch_loop=SimpleNamespace(_batches_that_stepped=0))
    return SimpleNamespace(datamodule=data, loggers=[Kept()], **place)


def measured(root, first):
    """Two epochs' half-steps without training between them, the second under a template; the rollouts counted."""
    module, data = parts()
    trainer = trainer_of(data, root, first)
    log = FixedQuestionEvaluation(questions=3)
    log.on_train_epoch_start(trainer, module)
    log.on_train_epoch_end(trainer, module)
    data.hard_set.hard = frozenset([data.train_questions[-1].id])
    data.bank = TemplateBank((Template("Go through the chain step by step.", 1.0),))
    trainer.current_epoch = 1
    log.on_train_epoch_start(trainer, module)
    return module.counts.rollouts["fixed_questions"]


class Kept(DummyLogger):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.metrics = []

    def log_metrics(self, metrics, step=None):
        self.metrics.append(metrics)


def test_kl_to_the_policy_before_training_on_bare_answers(tmp_path):
    """0 of a policy that has not moved; else that of the two policies' own distributions."""
    module, data = parts()
    module.initial_policy = InitialPolicy(lambda: module.policy, lambda: load_policy(BUNDLED), lambda: None)
    trainer = trainer_of(data, tmp_path)
    log = FixedQuestionEvaluation(questions=2, kl=True)
    log.on_train_epoch_start(trainer, module)
    with torch.no_grad():
        for parameter in module.policy.parameters():
            parameter.mul_(1.05)
    log.on_train_epoch_end(trainer, module)
    before, after = (entry["fixed_questions/kl"] for entry in trainer.loggers[0].metrics)
    assert abs(before) < 1e-6
    start = load_policy(BUNDLED)
    asked = choose_questions(data.train_questions, 2, module.seed)
    requests = [
        RolloutRequest(question, "", derive_seed(module.seed, "fixed_questions", question.id, k))
        for question in asked
        for k in range(2)
    ]
    rollouts = module.worker.roll_out(module.policy, requests, module.sampling, "fixed_questions")
    distances = []
    for rollout in rollouts:
        pair, temperature = ([rollout.prompt_ids], [rollout.completion.ids]), module.sampling.temperature
        with torch.no_grad():
            far = padded_logps(start, *pair, temperature)[0] - padded_logps(module.policy, *pair, temperature)[0]
        distances += (far.exp() - far - 1).tolist()
    assert after == pytest.approx(sum(distances) / len(distances), rel=1e-3) and after > 1e-4
    assert [entry["kl"] for entry in log.measurements] == pytest.approx([before, after], abs=1e-8)


def rank(number, root):
    store = torch.distributed.FileStore(f"{root}/store", 2)
    patience = timedelta(seconds=60)
    torch.distributed.init_process_group("gloo", store=store, rank=number, world_size=2, timeout=patience)
    Path(root, f"rank-{number}").write_text(str(measured(root, number == 0)))
    torch.distributed.destroy_process_group()


def measurements(root):
    found = json.loads((root / "fixed_questions.json").read_text())["measurements"]
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in found]


def test_two_processes_share_the_questions(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    counted = measured(one, first=True)
    assert counted == 3 * 2 + 3 * 2 + 1
    torch.multiprocessing.start_processes(rank, args=(str(two),), nprocs=2, start_method=FORKED.get_start_method())
    assert measurements(two) == measurements(one)
    shares = [int((two / f"rank-{number}").read_text()) for number in range(2)]
    assert sum(shares) == counted and min(shares) > 0
