"""Settings that contradict each other: the run would start, and not do what was meant."""

from collections.abc import Iterator
from itertools import chain, islice

import torch

from p2o.commands.planning.evolution_size import evolution_size
from p2o.commands.planning.run import PlannedRun
from p2o.errors import InputError
from p2o.evolution.proposals.prompt_check import PromptCheck, unusable_templates
from p2o.policy.optimizer import LinearWarmup
from p2o.policy.preflight import (
    average_problems,
    guide_problems,
    length_problems,
    question_problems,
    rounding_problems,
    selection_problems,
    template_problems,
)

FEW = 5  # of what is refused: a wrong column makes every question odd


def contradictions(run: PlannedRun) -> list[str]:
    """What is odd, what follows from it, and what to change."""
    module = run.module
    rounding = rounding_problems(module.adapters, module.engine, module.update.objective.correction)
    return [*_hardness(run), *_evolution(run), *_batches(run), *_data(run), *rounding]


def rejections(run: PlannedRun) -> list[str]:
    """Why `p2o fit` would not even start: what its own checks say, the first few."""
    module = run.module
    questions = [*run.data.train_questions, *run.data.validation_questions]
    found = chain(
        average_problems(module.update.objective.regularizers, run.sharded),
        length_problems(
            module.max_prompt_length, module.sampling.max_completion_length, module.engine.fitting(run.window)
        ),
        question_problems(questions, run.renderer, module.reward, module.max_prompt_length),
        module.reward.problems(module.sampling.max_completion_length),
        module.advantage.problems(module.reward),
        module.sampler.problems(module.engine, module.update.objective.correction),
        module.update.objective.aggregation.problems(module.update.objective.regularizers),
        guide_problems(module.update.objective.regularizers, run.data, run.epochs),
        selection_problems(run.data, run.evolution.learn_from if run.evolution.budget != 0 else None),
        template_problems(module, run.data, run.evolution.budget != 0, run.evolution.carry_over, run.epochs),
        run.reflector.problems(module.engine.fitting(run.window), run.renderer) if run.evolves else (),
    )
    return [f"p2o fit refuses it: {problem}" for problem in islice(found, FEW)]


def _hardness(run: PlannedRun) -> Iterator[str]:
    k, tau = run.data.num_generations, run.data.hard_set.tau
    bare, most = run.data.bare_rollouts.extremes(run.epochs)
    if tau > k - bare > 0:
        yield (
            f"data.tau ({tau}) is above the templated rollouts of a hard question ({k} - {bare} = {k - bare}): it "
            "stays hard although every templated rollout is right. Lower data.tau or data.bare_rollouts."
        )
    if bare >= k and not any(regularizer.guided for regularizer in run.module.update.objective.regularizers):
        yield (
            f"data.bare_rollouts ({bare} of {k}): no rollout carries a template, and no regularizer looks at those "
            "that bare rollouts are without. Lower it, or add a ReverseContextKL."
        )
    if not run.evolves and (most or run.data.same_template_in_group):
        yield (
            "data.bare_rollouts and data.same_template_in_group do nothing: no question ever carries a template, "
            "since there is no evolution."
        )


def _evolution(run: PlannedRun) -> Iterator[str]:
    evolution = run.evolution
    if evolution.budget == 0:
        return
    if run.epochs == 1:
        yield (
            "trainer.max_epochs is 1 and evolution is on: templates serve the next epoch, and there is none. Set "
            "evolution.budget to 0, or train longer."
        )
        return
    if evolution.min_hard_set > run.most_hard:
        yield (
            f"evolution.min_hard_set ({evolution.min_hard_set}) is above the number of questions ({run.most_hard}) "
            "that an evolution can see: there is never one. Lower it."
        )
        return
    smallest, all_hard = (evolution_size(run, hard) for hard in (evolution.min_hard_set, run.most_hard))
    if all_hard.reason:
        yield f"With all {all_hard.hard} questions hard, evolution finds nothing: {all_hard.reason}. Raise the budget."
    elif smallest.reason:
        yield f"With {smallest.hard} hard questions evolution finds nothing: {smallest.reason}. Raise min_hard_set."
    if all_hard.dev < evolution.dev_size:
        yield (
            f"evolution.dev_size ({evolution.dev_size}) is above half of the questions: the dev set has "
            f"{all_hard.dev} at most."
        )
    yield from _template_lengths(run)
    if evolution.completions > 1 and evolution.temperature == 0:
        yield (
            f"evolution.completions is {evolution.completions} at temperature 0: greedy completions are all the same. "
            "Set evolution.temperature above 0, or completions to 1."
        )


def _template_lengths(run: PlannedRun) -> Iterator[str]:
    """Templates that are written down are tried, of others their limit is known at most."""
    reflector, longest = run.evolution.reflector, run.evolution.reflector.longest_template(run.renderer)
    if reflector.known_templates:
        questions = [*run.data.train_questions, *run.data.validation_questions]
        try:
            check = PromptCheck(run.renderer, questions, run.max_templated_prompt_length)
        except InputError:  # a question cannot be asked at all: `rejections` names it
            return
        yield from unusable_templates(reflector.known_templates, check)
    elif longest is not None and longest > run.template_room:
        yield (
            f"The longest question leaves {run.template_room} tokens of the model's window for a template, the "
            f"reflector's templates have up to {longest}: longer ones are refused. Lower its max_template_length or "
            "model.max_completion_length."
        )


def _batches(run: PlannedRun) -> Iterator[str]:
    batch, mini = run.data.batch_size, run.module.update.mini_batch_size
    questions = run.questions_per_epoch
    per_process = questions / run.processes
    if mini > batch:
        yield f"model.mini_batch_size ({mini}) is above data.batch_size ({batch}): each batch is one optimizer step."
    elif batch % mini:
        yield (
            f"model.mini_batch_size ({mini}) does not divide data.batch_size ({batch}): the last optimizer step of a "
            f"batch has {batch % mini} questions."
        )
    if batch > per_process:
        yield f"data.batch_size ({batch}) is above the questions a process has ({per_process:.0f}): one batch an epoch."
    elif questions % (batch * run.processes):
        yield (
            f"data.batch_size ({batch}, {run.processes} processes) does not divide the {questions} questions: the last "
            f"batch of an epoch has {questions % (batch * run.processes)}."
        )
    steps = run.epochs * -(-questions // (batch * run.processes)) * -(-batch // mini)
    schedule = run.module.lr_scheduler(run.module.optimizer([torch.nn.Parameter(torch.zeros(2, 2))]))
    if isinstance(schedule, LinearWarmup) and schedule.steps >= steps:
        yield (
            f"model.lr_scheduler: LinearWarmup takes {schedule.steps} steps, the run has about {steps}: it never "
            "reaches the learning rate of model.optimizer."
        )


def _data(run: PlannedRun) -> Iterator[str]:
    texts = {question.text for question in run.data.train_questions}
    shared = sum(question.text in texts for question in run.data.validation_questions)
    if shared:
        yield f"{shared} validation questions are training questions: their accuracy says nothing about new ones."
