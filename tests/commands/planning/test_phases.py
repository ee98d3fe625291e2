"""Counts are those of a real run; times and money follow from what was measured."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonargparse import Namespace
from transformers import AutoConfig

from p2o.commands.planning.calibration import Measured
from p2o.commands.planning.evolution_size import evolution_size, most_calls
from p2o.commands.planning.memory import GIB, Demand, adapter_parameters, demand_of, memory, parameters
from p2o.commands.planning.pace import Pace
from p2o.commands.planning.page import page, total
from p2o.commands.planning.phases import middle, phases
from p2o.commands.planning.plan import plan
from p2o.commands.planning.prices import Paid, Prices, prices_of
from p2o.commands.planning.run import processes
from p2o.commands.planning.span import Span
from p2o.policy.adapters import LoRA
from p2o.policy.loading import load_config, load_policy
from p2o.reflectors import Proposal, Reflector

MEASURED = Measured(
    60, Pace(0.0, 0.05), Pace(0.2, 0.005), completion_length=10.0, templated_length=20.0, hard=0.5, signal=0.4,
    device_bytes=0,
)  # fmt: skip
BUDGET_EXHAUSTED = Paid()


@pytest.fixture(scope="module")
def run(plan_of):
    return plan_of()


def found(run, measured=MEASURED, paid=BUDGET_EXHAUSTED):
    return {phase.name: phase for phase in phases(run, measured, paid)}


def test_sizes_of_an_evolution(run, plan_of):
    size = evolution_size(run, 96)
    assert (size.dev, size.train, size.budget, size.reason) == (24, 72, 400, "")
    # Refused proposals cost the mini-batches of their parents alone; a last child and its dev must be affordable.
    assert size.calls == (400 - 24 - 24 - 6) // 3 + 1
    assert most_calls(run) == max(evolution_size(run, hard).calls for hard in range(12, 193)) > size.calls
    assert "min_hard_set" in evolution_size(run, 11).reason
    screened = evolution_size(plan_of("--evolution.screen_size=4", "--evolution.cover_share=0.5"), 96)
    assert (screened.dev, screened.budget, screened.calls) == (24, 400, (400 - 4 - 4 - 6) // 3 + 1)
    paper = plan_of("--evolution.budget=heavy_4", "--evolution.dev_size=300", "--data.train.init_args.hard=504")
    assert (evolution_size(paper, 600).dev, evolution_size(paper, 600).budget) == (300, 11040)


def test_phases(run):
    phases = found(run, paid=Paid(reflector=Prices(1.0, 2.0)))
    train = phases["training rollouts"]
    assert train.rollouts == Span(5760, 5760)
    # Five epochs, of which the first one has no templates: half as long again as under one that asks for steps.
    assert (train.completion_tokens, train.seconds) == (Span(57600, 5760 * 26), Span(2880, 2880 * 2.6))
    assert train.prompt_tokens == Span(5760 * run.mean_length, 5760 * (run.mean_length + 1024))
    assert phases["updates"].seconds.low == pytest.approx(5760 * 0.25 * 0.4)
    assert phases["updates"].seconds.high == pytest.approx(5760 * (0.2 + 26 * 0.005))
    assert phases["validation"].completion_tokens == Span(5 * 192 * 10, 9 * 192 * 30)
    assert phases["validation"].rollouts == Span(5 * 192, (5 + 4) * 192)
    assert phases["fixed_questions"].rollouts == Span(8 * 6 * 6, 8 * (6 * 6 + 2 * 4 * 4))
    assert phases["evolution"].rollouts == Span(0, 4 * 400)
    reflection = phases["reflection"]
    assert reflection.rollouts == Span(0, 4 * most_calls(run))
    assert reflection.completion_tokens == reflection.rollouts * 96
    assert reflection.money.high == pytest.approx(
        (reflection.prompt_tokens.high + 2 * reflection.completion_tokens.high) / 1e6
    )


def test_each_reply_to_a_job_of_reflection_is_planned(run, plan_of):
    once, more = found(run)["reflection"], found(plan_of("--evolution.reflector.attempts=4"))["reflection"]
    assert more.rollouts == once.rollouts * 4 and more.prompt_tokens == once.prompt_tokens * 4
    assert more.completion_tokens == once.completion_tokens * 4


def test_the_middle_has_templates_that_ask_for_steps_and_half_of_what_is_not_known(run):
    seconds = 5760 * 0.05 * (10 + 4 * 20) / 5  # training rollouts, the first of five epochs without templates
    seconds += (5760 * 0.4 * (0.2 + 10 * 0.005) + 5760 * (0.2 + 18 * 0.005)) / 2  # updates
    seconds += (9 * 192 + 8 * (6 * 6 + 2 * 4 * 4)) * 20 * 0.05  # validation and fixed questions
    seconds += (4 * 400 * 20 * 0.05 + 4 * most_calls(run) * 96 * 0.05) / 2  # evolution and reflection
    assert middle(run, replace(MEASURED, noise=3.0), Paid()) == pytest.approx(seconds)


def test_a_run_without_templates_has_the_lengths_that_were_measured(plan_of):
    phases = found(plan_of("--evolution.budget=0", "--fixed_questions.questions=0"))
    assert phases["training rollouts"].completion_tokens == Span(57600, 57600)
    assert phases["validation"].rollouts == Span(5 * 192, 5 * 192)
    assert set(phases) == {"training rollouts", "updates", "validation"}


def test_dynamic_sampling_goes_from_one_turn_to_all(plan_of):
    options = ["--evolution.budget=0", "--model.sampler=DynamicSampling", "--model.sampler.max_generation_rounds=3"]
    assert found(plan_of(*options))["training rollouts"].rollouts == Span(5760, 3 * 5760)
    many = found(plan_of(*options, "--data.batch_size=100"))  # a step of 100 questions, one of 92: all 192 in both
    assert many["training rollouts"].rollouts == Span(5760, 2 * 5760)


def test_a_teacher_is_asked_once_for_each_question(plan_of):
    options = ["--evolution.budget=0", "--model.sampler=TeacherCompletions", "--data.num_generations=2"]
    options += ["--data.bare_rollouts=0", "--model.sampler.teacher=PromptedTeacher"]
    run = plan_of(*options, "--model.sampler.teacher.template=Think.")
    phases = found(run, paid=Paid(teacher=Prices(1.0, 1.0)))
    assert "training rollouts" not in phases
    teacher = phases["teacher"]
    assert (teacher.rollouts, teacher.completion_tokens) == (Span(384, 384), Span(3840, 384 * 128))
    assert teacher.prompt_tokens.low > 384 * run.mean_length
    assert teacher.money.high == pytest.approx((teacher.prompt_tokens.high + 384 * 128) / 1e6)


def test_an_epoch_may_be_a_slice_of_the_questions(plan_of):
    """192 questions, 5 epochs of 48: one pass, and a slice of another."""
    run = plan_of("--data.questions_per_epoch=48")
    assert found(run)["training rollouts"].rollouts == Span(5 * 48 * 6, 5 * 48 * 6)
    assert (run.most_hard, run.workload.different) == (192, (192, 192))
    short = plan_of("--data.questions_per_epoch=48", "--trainer.max_epochs=3")
    assert (short.most_hard, short.workload.different) == (96, (144, 144))
    assert plan_of("--data.questions_per_epoch=48", "--evolution.learn_from=AskedQuestions").most_hard == 48
    assert plan_of("--data.questions_per_epoch=48", "--evolution.learn_from=AllQuestions").most_hard == 192
    assert not plan_of("--data.questions_per_epoch=4", "--trainer.max_epochs=3").evolves  # 8 asked, 12 hard ones needed


def test_without_calibration_completions_have_any_length(run):
    train = found(run, measured=None)["training rollouts"]
    assert (train.completion_tokens, train.seconds) == (Span(5760, 5760 * 128), None)


def test_processes_share_rollouts_and_those_of_evolution(plan_of):
    run = plan_of("--trainer.devices=5", "--trainer.num_nodes=2")
    assert run.processes == 10
    assert found(run)["training rollouts"].rollouts == Span(6000, 6000)  # 200 questions: 8 are asked twice
    assert found(run)["training rollouts"].seconds.low == 300
    assert found(run)["evolution"].seconds.high == pytest.approx(80 * 3.0)


def test_an_expected_length_leaves_no_span(run):
    train = {phase.name: phase for phase in phases(run, MEASURED, BUDGET_EXHAUSTED, length=40)}["training rollouts"]
    assert train.completion_tokens == Span(5760 * 40, 5760 * 40)
    assert train.seconds == Span(5760 * 40 * 0.05, 5760 * 40 * 0.05)


def test_a_busy_machine_is_taken_to_stay_so(run):
    busy = replace(MEASURED, noise=1.25, idle=0.5, busy=4.0)
    usual, slow = found(run)["evolution"].seconds, found(run, busy)["evolution"].seconds
    assert slow.high == pytest.approx(usual.high * 4 * 1.25)
    idle = replace(busy, busy=0.6)
    needs = memory(load_config(run.module.model), demand_of(run))
    said, kept = (page("head", [], 0.0, [], needs, 0, measured, []) for measured in (busy, idle))
    assert "gave this process 12% of its threads' time" in said and "busy" not in kept


def test_completions_are_never_longer_than_the_limit(run):
    assert found(run, replace(MEASURED, templated_length=120.0))["evolution"].completion_tokens.high == 4 * 400 * 128


def test_a_pace_goes_through_two_measurements():
    pace = Pace.through((4.0, 1.0), (104.0, 6.0))
    assert (pace.rollout, pace.token) == pytest.approx((0.8, 0.05))
    assert pace.seconds(Span(1, 2), Span(4, 208)).high == pytest.approx(2 * 0.8 + 208 * 0.05)


def test_a_pace_never_falls_with_the_tokens():
    assert Pace.through((4.0, 1.0), (104.0, 0.5)) == Pace(0.0, 0.25)  # the machine was busy during the first
    assert Pace.through((100.0, 1.0), (104.0, 2.0)) == Pace(0.0, 0.01)  # too near each other to say
    assert Pace.through((4.0, 1.0), (8.0, 9.0)) == Pace(0.0, 0.25)  # it would begin below 0


def test_memory_counts_what_the_policy_has(run):
    config = load_config(run.module.model)
    assert parameters(config) == load_policy(run.module.model).num_parameters()
    needs = memory(config, demand_of(run))  # with the policy before training beside it, which reflects
    assert needs.weights == 8 * parameters(config) and needs.adam == 2 * needs.gradients
    # the cache that transformers builds: keys and values of each layer, head and position
    heads, head = config.num_key_value_heads, config.hidden_size // config.num_attention_heads
    length = max(run.lengths) + 1024 + 128  # with the longest template
    assert needs.sampling == 72 * length * config.num_hidden_layers * 2 * heads * head * 4
    assert needs.sampling / memory(config, demand_of(run, expected=10)).sampling == pytest.approx(
        length / (length - 118)
    )
    mixed = memory(config, replace(demand_of(run), mixed=True))  # whoever samples does it in the run's precision
    assert mixed.sampling == needs.sampling // 2


def test_whoever_asks_the_policy_before_training_adds_a_copy(plan_of):
    alone = ["--evolution.budget=0", "--fixed_questions.kl=false"]
    assert demand_of(plan_of(*alone)).copies == 0
    assert demand_of(plan_of("--evolution.budget=0")).copies == 1  # the quickstart's fixed questions
    assert demand_of(plan_of(*alone, "--model.regularizers=[{class_path: ReferenceKL}]")).copies == 1
    assert demand_of(plan_of(*alone, "--model.regularizers=[{class_path: ReverseContextKL}]")).copies == 0
    average = "--model.regularizers=[{class_path: ReverseContextKL, init_args: {weights: average}}]"
    assert demand_of(plan_of(*alone, average)).copies == 1
    assert demand_of(plan_of("--evolution.budget=0", average)).copies == 2


def test_whoever_reflects_before_an_engine_with_a_copy_adds_none(plan_of):
    silent = "--fixed_questions.kl=false"
    assert demand_of(plan_of(silent)).copies == 1
    assert demand_of(plan_of(silent, "--model.engine=VLLMEngine")).copies == 0
    own = "--evolution.reflector.engine=VLLMEngine"  # whose weights are held against the policy's in each reflection
    assert demand_of(plan_of(silent, "--model.engine=VLLMEngine", own)).copies == 1


def test_recomputed_layers_leave_one_in_memory(plan_of):
    large = "--model.micro_batch_tokens=1000000"  # the head's share does not count then
    kept, recomputed = plan_of(large), plan_of(large, "--model.gradient_checkpointing=true")
    needs, less = (memory(load_config(plan.module.model), demand_of(plan)) for plan in (kept, recomputed))
    assert less.activations < needs.activations / 2


def test_a_mixed_pass_has_smaller_activations(plan_of):
    large = "--model.micro_batch_tokens=1000000"
    full, mixed = demand_of(plan_of(large)), demand_of(plan_of(large, "--trainer.precision=bf16-mixed"))
    assert (full.mixed, mixed.mixed) == (False, True)
    config = load_config("p2o/micro-policy")
    assert memory(config, mixed).activations < 0.8 * memory(config, full).activations


def test_where_rows_are_padded_all_logits_of_a_pass_are_in_memory(run):
    """A head with a soft cap and sliding windows, as Gemma 2 has, cannot be packed, nor its logits made in tiles."""
    sizes = {"vocab_size": 50_000, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    packed, padded = (AutoConfig.for_model(name, **sizes, **heads) for name in ("llama", "gemma2"))
    demand = replace(demand_of(run), micro_batch_tokens=8192)
    more = memory(padded, demand).activations - memory(packed, demand).activations
    logits = 4 * 8192 * 50_000
    assert 2 * logits < more < 3 * logits  # of the packed ones, tiles are in memory


def test_vllm_takes_its_share_of_the_device_and_never_the_cache_of_all_rollouts(plan_of):
    demand = demand_of(plan_of("--model.engine=VLLMEngine", "--model.engine.gpu_memory_utilization=0.35"))
    config = load_config("p2o/micro-policy")
    assert memory(config, demand, device=8 * GIB).sampling == int(0.35 * 8 * GIB)
    least = memory(config, demand).sampling  # the weights and the cache of one rollout, in 2 bytes
    heads, head = config.num_key_value_heads, config.hidden_size // config.num_attention_heads
    one = (demand.length + demand.template) * config.num_hidden_layers * 2 * heads * head
    assert least == 2 * parameters(config) + 2 * one


def test_where_no_gpu_is_named_the_page_says_that_the_share_of_vllm_is_not_counted(plan_of):
    run = plan_of("--model.engine=VLLMEngine", "--model.engine.gpu_memory_utilization=0.35")
    said = "vLLM's share of the GPU (0.35) is not counted, only what it needs at least: name the GPU by --memory GIB."
    for device, told in ((0, True), (8 * GIB, False)):
        needs = memory(load_config("p2o/micro-policy"), demand_of(run), device)
        text = page("head", phases(run, None, Paid()), 0.0, [], needs, device, None, [])
        assert (said in text) == told


def test_adapters_have_no_moments_of_frozen_weights_and_no_copy(plan_of):
    demand = demand_of(plan_of("--model.adapters=LoRA", "--model.adapters.rank=4"))
    config = load_config("p2o/micro-policy")
    policy = load_policy("p2o/micro-policy", adapters=LoRA(rank=4))
    trained = sum(p.numel() for p in policy.parameters() if p.requires_grad)
    assert adapter_parameters(config, LoRA(rank=4)) == trained
    needs = memory(config, demand)
    assert needs.adam == 8 * trained and needs.weights == 2 * parameters(config) + 4 * trained


@pytest.mark.parametrize("strategy", ["sharded", "{class_path: p2o.policy.sharding.ShardedStrategy}"])
def test_shards_divide_what_the_policy_keeps(plan_of, strategy):
    whole, sharded = demand_of(plan_of()), demand_of(plan_of(f"--trainer.strategy={strategy}", "--trainer.devices=4"))
    config = load_config("p2o/micro-policy")
    one, part = memory(config, whole), memory(config, sharded)
    assert part.adam == one.adam // 4 and part.weights == one.weights // 4
    assert part.sampling > one.sampling  # the policy is put together to sample


def test_whole_policies_of_several_processes_keep_another_copy_of_the_gradients(plan_of):
    config = load_config("p2o/micro-policy")
    one, several = memory(config, demand_of(plan_of())), memory(config, demand_of(plan_of("--trainer.devices=4")))
    assert several.total - one.total == one.gradients  # the buckets of torch's DistributedDataParallel
    sharded = memory(config, demand_of(plan_of("--trainer.devices=4", "--trainer.strategy=sharded")))
    assert one.kept == sharded.kept == 0


def test_vllm_keeps_some_memory_while_it_sleeps(plan_of):
    needs = memory(load_config("p2o/micro-policy"), demand_of(plan_of("--model.engine=VLLMEngine")))
    assert needs.kept == 3 * GIB < needs.total
    assert "kept by DDP and vLLM 3.00" in page("head", [], 0.0, [], needs, 0, None, [])


def test_the_paper_fits_the_gpus_that_its_config_names():
    """4.0 billion parameters on 141 GB, on numbers of the model alone: its config is on the hub."""
    config = AutoConfig.for_model(
        "qwen3", hidden_size=2560, intermediate_size=9728, num_hidden_layers=36, num_attention_heads=32,
        num_key_value_heads=8, head_dim=128, vocab_size=151936, tie_word_embeddings=True,
    )  # fmt: skip
    demand = Demand(32768, 16384, 16384, together=96, mixed=True, recompute=True, copies=1, vllm=0.35)
    assert parameters(config) == pytest.approx(4.02e9, rel=0.01)
    assert 80e9 < memory(config, demand, int(141e9)).total < 141e9


def test_the_page_says_it_all(run):
    size = evolution_size(run, 96)
    needs = memory(load_config(run.module.model), demand_of(run))
    text = page("head", phases(run, MEASURED, Paid()), 75.0, [size], needs, GIB, MEASURED, ["odd"])
    for part in [
        "training rollouts",
        "total",
        "hard questions",
        "memory of a process",
        "It fits into the 1 GiB",
        "- odd",
        "Calibrated on 60",
        "A guess between the two: 0:01:15, with updates and evolution half way",
    ]:
        assert part in text
    assert max(map(len, text.splitlines())) < 180


def test_hints_are_planned(plan_of):
    """Written by whoever is asked, and each part of every tier tried in training at most, after the warm-up."""
    methods = Path(__file__).parents[3] / "configs" / "methods"
    plain, run = plan_of(), plan_of(f"--config={methods / 'scaffolded_hints.yaml'}")
    scaffolded = run.module.sampler
    tiers, most = len(scaffolded.tiers), (run.epochs - scaffolded.warm_up) * run.questions
    found = [phase for phase in phases(run, MEASURED, BUDGET_EXHAUSTED) if phase.name == "hints"]
    assert [(phase.rollouts.low, phase.rollouts.high) for phase in found] == [(0, most)] * tiers
    trained = phases(run, MEASURED, BUDGET_EXHAUSTED)[0]
    assert trained.rollouts.high == trained.rollouts.low + most * tiers * scaffolded.increments
    assert trained.completion_tokens.high > MEASURED.completion_length * trained.rollouts.high  # longer under a hint
    assert not [phase for phase in phases(plain, MEASURED, BUDGET_EXHAUSTED) if phase.name == "hints"]
    whole = total(phases(run, MEASURED, BUDGET_EXHAUSTED)).seconds
    assert whole.low < middle(run, MEASURED, BUDGET_EXHAUSTED) < 0.7 * whole.high


TEACHER = {
    "class_path": "TeacherReflector",
    "init_args": {
        "endpoint": {
            "base_url": "http://127.0.0.1:9/v1",
            "model": "a-model",
            "spending": {"tokens": 1000, "prompt_price": 1.0, "completion_price": 2.0},
        },
        "max_reply_length": 100,
        "max_template_length": 30,
    },
}


def recording(reflector, folder):
    init_args = {"reflector": reflector, "path": str(folder / "x.jsonl")}
    return {"class_path": "RecordingReflector", "init_args": init_args}


def test_what_a_reflector_does_within_others_is_planned(plan_of, monkeypatch, tmp_path):
    """A recording around a judge around a teacher: both are paid."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    judge = {"endpoint": TEACHER["init_args"]["endpoint"], "max_reply_length": 50}
    judged = {"class_path": "DiagnosingReflector", "init_args": {"reflector": TEACHER, "judge": judge}}
    recorded = {
        "class_path": "RecordingReflector",
        "init_args": {"reflector": judged, "path": str(tmp_path / "x.jsonl")},
    }
    run = plan_of(f"--evolution.reflector={json.dumps(recorded)}")
    assert run.longest_template == 30
    made = found(run, paid=Paid(prices_of(run.reflector)))
    calls = made["reflection"].rollouts.high
    assert made["reflection"].completion_tokens.high == 100 * calls and made["reflection"].money.high > 0
    examples = run.evolution.search_settings(0).mini_batch_size
    assert made["judgements"].rollouts.high == examples * calls
    assert made["judgements"].completion_tokens.high == 50 * examples * calls and made["judgements"].money.high > 0


LONG = " ".join(["Go slowly."] * 300)


def static(*templates):
    return {"class_path": "StaticReflector", "init_args": {"templates": templates}}


def test_templates_of_a_list_have_the_length_of_the_longest(plan_of, tmp_path):
    run = plan_of(f"--evolution.reflector={json.dumps(recording(static('Be concise.', LONG), tmp_path))}")
    longest = len(run.renderer.tokenizer.encode(LONG, add_special_tokens=False))
    assert run.longest_template == longest > 600
    train = found(run)["training rollouts"]
    assert train.prompt_tokens == Span(5760 * run.mean_length, 5760 * (run.mean_length + longest))
    refused = plan_of(f"--evolution.reflector={json.dumps(static(LONG, 'long ' * 2000))}")
    assert refused.longest_template == 2048 - 128 - max(run.lengths)  # none that is asked is longer


class Own(Reflector):
    """Says nothing of its templates, as a user's own class may."""

    def reflect(self, jobs, context):
        return [Proposal("Go on.") for _ in jobs]


def test_where_nobody_says_how_long_templates_are_the_plan_takes_what_fits_and_says_so(run):
    """2,048 tokens of window, of which a completion takes 128."""
    other = copy.copy(run.evolution)
    other.reflector = Own()
    unknown = replace(run, evolution=other)
    room = 2048 - 128 - max(run.lengths)
    assert unknown.longest_template == room
    assert found(unknown)["training rollouts"].prompt_tokens.high == 5760 * (run.mean_length + room)
    quiet = Namespace(accelerator="cpu", precision="32-true")
    said = [line for line in plan(unknown, quiet, rollouts=0).splitlines() if "longest_template" in line]
    assert said == [
        f"How long the templates of Own become is not known (its longest_template says nothing): {room:,} tokens are "
        "assumed, all that fit the window beside the longest question and a completion."
    ]
    assert "longest_template" not in plan(run, quiet, rollouts=0)
    assert replace(unknown, epochs=1).longest_template == 0  # nobody is asked


def test_templates_take_memory_where_prompts_are_sampled_from_and_where_the_gradient_reads_them(run):
    config, demand = load_config(run.module.model), demand_of(run)
    assert (demand.template, demand.templated_gradient) == (1024, False)
    one = replace(demand, micro_batch_tokens=1)  # a row at a time
    needs, short, under = (
        memory(config, each) for each in (one, replace(one, template=0), replace(one, templated_gradient=True))
    )
    assert needs.sampling / short.sampling == pytest.approx((demand.usual + 1024) / demand.usual)
    assert under.activations > needs.activations == short.activations
    vllm = replace(demand, vllm=0.35)
    assert memory(config, vllm).sampling > memory(config, replace(vllm, template=0)).sampling


def test_hints_of_a_recorded_teacher_are_paid(plan_of, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    recorded = {
        "class_path": "RecordingReflector",
        "init_args": {"reflector": TEACHER, "path": str(tmp_path / "x.jsonl")},
    }
    sampler = {"class_path": "SelfHints", "init_args": {"reflector": recorded}}
    run = plan_of(f"--model.sampler={json.dumps(sampler)}", "--evolution.budget=0")
    hints = found(run)["hints"]
    assert hints.completion_tokens.high == 100 * hints.rollouts.high and hints.money.high > 0
    bare = found(plan_of("--evolution.budget=0"))["training rollouts"].prompt_tokens.high / run.workload.completions
    trained = found(run)["training rollouts"]
    assert trained.prompt_tokens.high == pytest.approx(trained.rollouts.high * (bare + 30))
    needs = memory(load_config(run.module.model), demand_of(run))
    text = page("head", list(found(run).values()), 60.0, [], needs, 0, MEASURED, [])
    assert "with training rollouts, updates and hints half way between least and most" in text.replace("\n", " ")


@pytest.mark.parametrize(("devices", "count"), [("0,1", 2), ("1,", 1), ("3", 3), (4, 4), ([0, 2], 2), ("auto", 1)])
def test_devices_as_lightning_takes_them(devices, count):
    assert processes(Namespace(accelerator="cpu", devices=devices, num_nodes=2)) == 2 * count
