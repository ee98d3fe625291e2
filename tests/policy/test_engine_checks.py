"""Real runs: one line says how log-probs are made, and an engine that samples from other weights ends the run."""

import re
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from p2o.engines import TransformersEngine, VLLMEngine
from p2o.engines import agreement as agreement_module
from p2o.errors import InputError
from quickstart_run import fit

SAMPLED = ("--model.temperature=1.5", "--model.optimizer.init_args.lr=1e-2")  # an update that rounding does not hide


def error(capsys) -> str:
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("p2o: error")]
    return line


def test_a_run_says_on_which_path_its_log_probs_are_made(tmp_path, caplog):
    fit(tmp_path)
    [line] = [record.getMessage() for record in caplog.records if "Log-probs of" in record.getMessage()]
    assert re.match(r"Log-probs of llama: packed path; engine [\d.e-]+, trainer [\d.e-]+ nats from its own", line)


def test_an_engine_that_only_writes_hints_is_checked_before_the_run(tmp_path, monkeypatch, capsys):
    def refuse(self, config, tokenizer, longest):
        if self.batch_size == 7:
            raise InputError("the second engine is checked")

    monkeypatch.setattr(TransformersEngine, "check", refuse)
    own = (
        "{class_path: SelfReflector, init_args: {engine: {class_path: TransformersEngine, init_args: {batch_size: 7}}}}"
    )
    with pytest.raises(SystemExit):
        fit(tmp_path, "--model.sampler=p2o.mixture.self_hints.SelfHints", f"--model.sampler.reflector={own}")
    assert "the second engine is checked" in error(capsys)


def test_an_engine_that_rounds_away_what_adapters_learn_is_named_before_the_run(tmp_path, monkeypatch):
    def refuse(self, *arguments):
        raise InputError("the engine is asked")

    monkeypatch.setattr(VLLMEngine, "generate", refuse)
    with pytest.raises(SystemExit), pytest.warns(UserWarning, match="VLLMEngine samples from .* in bfloat16"):
        fit(tmp_path, "--model.adapters=LoRA", "--model.engine=VLLMEngine")


def test_an_engine_of_old_weights_ends_the_run(tmp_path, monkeypatch, capsys):
    """Rollouts come from the policy as it was when the engine first met it."""
    clean, kept = TransformersEngine.generate, []

    def stale(self, policy, prompts, sampling, title):
        if not kept:
            kept.append(deepcopy(policy))
        return clean(self, kept[0], prompts, sampling, title)

    monkeypatch.setattr(TransformersEngine, "generate", stale)
    with pytest.raises(SystemExit) as ended:
        fit(tmp_path, *SAMPLED)
    assert ended.value.code == 2
    assert "TransformersEngine does not sample from the weights that are trained" in error(capsys)


def test_an_engine_that_never_agreed_ends_the_run_before_training(tmp_path, monkeypatch, capsys):
    clean = TransformersEngine.generate

    def off(self, *arguments):
        return [replace(c, logps=tuple(logp - 0.06 for logp in c.logps)) for c in clean(self, *arguments)]

    monkeypatch.setattr(TransformersEngine, "generate", off)
    with pytest.raises(SystemExit) as ended:
        fit(tmp_path)
    assert ended.value.code == 2
    assert "expected the log-probabilities of TransformersEngine and of the trainer" in error(capsys)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_the_check_comes_before_an_evolution_that_a_longer_run_makes_up_for(tmp_path, monkeypatch):
    clean, titles = TransformersEngine.generate, []

    def observed(self, policy, prompts, sampling, title):
        titles.append(title)
        return clean(self, policy, prompts, sampling, title)

    monkeypatch.setattr(TransformersEngine, "generate", observed)
    evolves = ("--evolution.budget=30", "--evolution.dev_size=4", "--evolution.min_hard_set=1", "--evolution.width=2")
    fit(tmp_path, *evolves)
    assert "reflection" not in titles
    titles.clear()
    fit(tmp_path, *evolves, "--trainer.max_epochs=2", "--ckpt_path=last")
    assert "reflection" in titles and titles[0] == "log-probs are compared", titles
    assert titles.count("log-probs are compared") == 1


def test_whoever_samples_does_it_in_the_precision_of_the_run(tmp_path, monkeypatch):
    """Evolution, reflection and fixed questions too, which are callbacks: Lightning sets no precision for those."""
    clean, sampled = TransformersEngine.generate, {}

    def observed(self, policy, prompts, sampling, title):
        sampled.setdefault(title, set()).add(torch.is_autocast_enabled("cpu"))
        return clean(self, policy, prompts, sampling, title)

    monkeypatch.setattr(TransformersEngine, "generate", observed)
    evolves = ("--evolution.budget=30", "--evolution.dev_size=4", "--evolution.min_hard_set=1", "--evolution.width=2")
    fit(tmp_path, "--trainer.precision=bf16-mixed", "--trainer.max_epochs=2", "--fixed_questions.questions=2", *evolves)
    assert {"rollouts", "reflection", "fixed questions"} < sampled.keys()
    assert set.union(*sampled.values()) == {True}, sampled


def test_the_check_is_short(tmp_path, monkeypatch):
    """It reads some hundred tokens, whatever the model's window."""
    read = []
    clean = agreement_module.unpadded_logps

    def counted(policy, prompts, completions, temperature):
        read.append(sum(len(row) for row in [*prompts, *completions]))
        return clean(policy, prompts, completions, temperature)

    monkeypatch.setattr(agreement_module, "unpadded_logps", counted)
    fit(tmp_path)
    assert sum(read) < 500
