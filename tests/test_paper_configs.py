"""The paper's runs, with the model replaced by a tiny random Qwen3 and the GPUs by this CPU: they build, and train."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from transformers import Qwen3Config, Qwen3ForCausalLM

from p2o.cli.main import main

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("qwen3_*.yaml"))
PAPERS = [path for path in CONFIGS if "lora" not in path.stem]
OF_THE_PAPER = {  # docs/faithfulness.md and docs/algorithm.md say where each comes from
    "model": {
        "advantage": {"class_path": "p2o.objective.advantages.GroupNormalized"},
        "context": {
            "class_path": "p2o.objective.context_estimators.Masked",
            "init_args": {"low": 0.01, "high": 10.0},
        },
        "loss": {
            "class_path": "p2o.objective.losses.ClippedLoss",
            "init_args": {"epsilon_low": 0.2, "epsilon_high": 0.2, "dual_clip": 3.0},
        },
        "aggregation": {"class_path": "p2o.objective.TokenMean"},
        "regularizers": [],
        "temperature": 0.6,
        "max_prompt_length": 4096,
        "max_completion_length": 12288,
        "optimizer": {
            "class_path": "torch.optim.AdamW",
            "init_args": {"lr": 1e-6, "weight_decay": 0.01, "fused": True},
        },
        "max_grad_norm": 1.0,
        "step_without_gradient": False,  # a departure, as faithfulness.md says
    },
    "data": {
        "num_generations": 6,
        "tau": 2,
        "bare_rollouts": 0,
        "assignment": {"class_path": "p2o.mixture.assignment.ByScore"},
        "carry": {"class_path": "p2o.mixture.selection.HardQuestions"},
        "same_template_in_group": False,
        "questions_per_epoch": None,
    },
    "evolution": {
        "reflector": {
            "class_path": "p2o.reflectors.SelfReflector",
            "init_args": {"weights": "initial", "temperature": 0.6, "max_reply_length": 2048},
        },
        "selector": {"class_path": "p2o.evolution.DominanceSelector"},
        "budget": "heavy_4",
        "dev_size": 300,
        "width": 16,
        "mini_batch_size": 3,
        "min_parents": 1,
        "proposals": 1,
        "completions": 1,
        "temperature": 0.0,
        "gate": {"class_path": "p2o.evolution.StrictImprovement"},
        "compare_on": "hard",
        "credit": "majority",
        "screen_size": None,
        "cover_share": 0.0,
        "reuse": False,
        "confirm": "never",
        "crossover": 0.0,
        "mined_seed": False,
        "carry_over": False,
        "show_answer": True,
        "min_hard_set": 100,
        "learn_from": {"class_path": "p2o.mixture.selection.HardQuestions"},
    },
}
HERE = {
    "trainer.accelerator": "cpu",
    "trainer.devices": "1",
    "trainer.strategy": "auto",
    "trainer.max_epochs": "1",
    "trainer.enable_progress_bar": "false",
    "model.engine": "TransformersEngine",
    "model.max_prompt_length": "200",
    "model.max_completion_length": "8",
    "data.batch_size": "4",
    "model.mini_batch_size": "2",
}


@pytest.fixture(scope="module")
def tiny_qwen3(tokenizer, tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("qwen3")
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        tie_word_embeddings=True,  # as in the 4B
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=None,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_builds_and_trains_on_a_tiny_qwen3(path, tiny_qwen3, tmp_path):
    rows = [{"id": f"q{i}", "question": f"What is {i}+1?", "answer": str(i + 1)} for i in range(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    options = HERE | {
        "trainer.default_root_dir": str(tmp_path / "run"),
        "model.model": str(tiny_qwen3),
        "data.train.init_args.path": str(tmp_path / "rows.jsonl"),
        "data.validation.init_args.path": str(tmp_path / "rows.jsonl"),
    }
    if "lora" in path.stem:
        options["model.adapters.init_args.rank"] = "4"
    main(["fit", "--config", str(path), *(f"--{name}={value}" for name, value in options.items())])
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["rollouts"]["train"] == 24 and summary["rollouts"]["validation"] == 4
    assert list((tmp_path / "run" / "checkpoints").glob("epoch=0*.ckpt"))  # the best by val/bare/all


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_its_sizes_are_the_papers(path):
    config = yaml.safe_load(path.read_text())
    processes = config["trainer"]["devices"]
    assert processes * config["data"]["batch_size"] == 128 and config["data"]["num_generations"] == 6
    assert processes * config["model"]["mini_batch_size"] == 64
    steps = config["trainer"]["max_epochs"] * 5000 // 64
    assert config["model"]["lr_scheduler"]["init_args"]["steps"] == pytest.approx(0.05 * steps, rel=0.05)


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
@pytest.mark.parametrize("section", OF_THE_PAPER)
def test_its_method_is_the_papers_whatever_the_defaults_are(path, section):
    """The file itself says all of it: a default may change, the paper does not."""
    written = yaml.safe_load(path.read_text())[section]
    assert {name: written.get(name, "not written") for name in OF_THE_PAPER[section]} == OF_THE_PAPER[section]
