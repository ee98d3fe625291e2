"""Counts are those of a real run; times and money follow from what was measured."""

import pytest

from p2o.models import load_config, load_policy
from p2o.planning.calibration import Measured
from p2o.planning.memory import memory, parameters
from p2o.planning.page import page
from p2o.planning.phases import Prices, phases
from p2o.planning.run import evolution_size

MEASURED = Measured(60, 0.5, 0.25, completion_length=10.0, hard=0.5, signal=0.4, device_bytes=0)


@pytest.fixture(scope="module")
def run(plan_of):
    return plan_of()


def test_sizes_of_an_evolution(run, plan_of):
    size = evolution_size(run, 96)
    assert (size.dev, size.train, size.budget, size.reason) == (24, 72, 400, "")
    assert size.calls == (400 - 24 - 24) // 6
    assert "min_hard_set" in evolution_size(run, 11).reason
    paper = plan_of("--evolution.budget=heavy_4", "--evolution.dev_size=300", "--data.train.init_args.hard=504")
    assert (evolution_size(paper, 600).dev, evolution_size(paper, 600).budget) == (300, 11040)


def test_phases(run):
    found = {phase.name: phase for phase in phases(run, evolution_size(run, 96), MEASURED, Prices(1.0, 2.0))}
    train = found["training rollouts"]
    assert (train.rollouts, train.completion_tokens, train.seconds) == (5 * 192 * 6, 57600, (2880, 2880))
    assert found["updates"].seconds == pytest.approx((5760 * 0.25 * 0.4, 5760 * 0.25))
    assert found["validation"].rollouts == (5 + 4) * 192
    assert found["evolution (at most)"].rollouts == 4 * 400
    reflection = found["reflection (at most)"]
    assert reflection.rollouts == 4 * 58
    assert reflection.money == pytest.approx((reflection.prompt_tokens + 2 * reflection.completion_tokens) / 1e6)


def test_without_calibration_completions_are_as_long_as_they_may_be(run):
    train, *_ = phases(run, evolution_size(run, 96), None, Prices())
    assert (train.completion_tokens, train.seconds) == (5760 * 128, None)


def test_processes_share_rollouts_and_those_of_evolution(plan_of):
    run = plan_of("--trainer.devices=4", "--trainer.num_nodes=2")
    assert run.processes == 8
    found = {phase.name: phase for phase in phases(run, evolution_size(run, 96), MEASURED, Prices())}
    assert found["training rollouts"].seconds == (360, 360)
    assert found["evolution (at most)"].seconds == (100, 100)


def test_memory_counts_what_the_policy_has(run):
    config = load_config(run.module.model)
    assert parameters(config) == load_policy(run.module.model).num_parameters()
    needs = memory(run, config, copies=1)
    assert needs.weights == 8 * parameters(config) and needs.adam == 2 * needs.gradients
    # the cache that transformers builds: keys and values of each layer, head and position
    heads, head = config.num_key_value_heads, config.hidden_size // config.num_attention_heads
    length = max(run.lengths) + 128
    assert needs.cache == 72 * length * config.num_hidden_layers * 2 * heads * head * 4


def test_recomputed_layers_leave_one_in_memory(plan_of):
    large = "--model.micro_batch_tokens=1000000"  # the head's share does not count then
    kept, recomputed = plan_of(large), plan_of(large, "--model.gradient_checkpointing=true")
    needs, less = (memory(plan, load_config(plan.module.model), copies=1) for plan in (kept, recomputed))
    assert less.activations < needs.activations / 2


def test_the_page_says_it_all(run):
    size = evolution_size(run, 96)
    needs = memory(run, load_config(run.module.model), copies=1)
    text = page("head", phases(run, size, MEASURED, Prices()), [size], needs, MEASURED, ["odd"])
    for part in ["training rollouts", "total", "hard questions", "memory of a process", "- odd", "Calibrated on 60"]:
        assert part in text
    assert max(map(len, text.splitlines())) < 180
