"""What a run as a whole is held against before it begins."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lightning import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.utilities import rank_zero_warn

from p2o.distributed.failures import watch
from p2o.distributed.process_counts import check_group, check_processes
from p2o.errors import InputError, refuse
from p2o.mixture.data_module import mixture_of
from p2o.objective import Regularizer
from p2o.policy.loading import load_config
from p2o.policy.metrics import validation_metric
from p2o.policy.preflight.questions import check_prompts, check_questions, warn_of_golds
from p2o.policy.preflight.rounding import rounding_problems
from p2o.policy.preflight.templates import guide_problems, selection_problems
from p2o.policy.sharding import ShardedStrategy, check_strategy
from p2o.types import Question

if TYPE_CHECKING:
    from p2o.policy.module import PolicyModule


def check_run(stage: str, trainer: Trainer, module: "PolicyModule") -> None:
    """Checks the processes, the engine, the questions that a stage will ask, and what callbacks monitor.

    Raises:
        InputError: A question cannot be asked or never be answered, a part would have nothing to do, or a monitored
            accuracy is not measured.
    """
    check_strategy(trainer.strategy)
    if stage == "fit":
        refuse(trainer_problems(trainer.precision, *_settings(trainer)))
    refuse(average_problems(module.update.objective.regularizers, isinstance(trainer.strategy, ShardedStrategy)))
    check_group(module.engine.processes, trainer.world_size, load_config(module.model))
    for engine in (module.engine, *module.sampler.own_engines):
        engine.check(load_config(module.model), module.renderer.tokenizer, module.longest)
    watch()
    data = mixture_of(trainer)
    if stage == "test":
        questions = [question for benchmark in data.test_benchmarks for question in benchmark.questions]
        check_prompts(questions, module.renderer, module.max_prompt_length)
        warn_of_golds(questions, module.reward)
    else:
        if stage == "fit":
            check_processes(len(data.train_questions), trainer.world_size)
            refuse(selection_problems(data, learn_from=None))
            refuse(module.reward.problems(module.sampling.max_completion_length))
            refuse(module.advantage.problems(module.reward))
            refuse(module.sampler.problems(module.engine, module.update.objective.correction))
            refuse(module.update.objective.aggregation.problems(module.update.objective.regularizers))
            refuse(guide_problems(module.update.objective.regularizers, data, trainer.max_epochs or 1))
            for problem in rounding_problems(module.adapters, module.engine, module.update.objective.correction):
                rank_zero_warn(problem)
        questions = [*data.train_questions, *data.validation_questions]
        check_questions(questions, module.renderer, module.reward, module.max_prompt_length)
        check_monitors(trainer.callbacks, data.validation_questions, trainer.check_val_every_n_epoch or 1)  # type: ignore[attr-defined]


def trainer_problems(
    precision: object, reload: int, max_steps: int = -1, timed: bool = False, overfit: float = 0.0
) -> Iterator[str]:
    """Settings of the Trainer under which training would be wrong, as the Trainer or a config names them.

    Gradients are clipped as they are, and float16's are scaled until the optimizer steps. An epoch that ends in its
    middle would be evolved on all the same, and its other questions never be asked.
    """
    if precision not in (None, 32, "32", "32-true", "bf16", "bf16-mixed"):
        yield (
            f"trainer.precision: expected 32-true or bf16-mixed, got {precision!r}. float16 would scale the gradients "
            "that are clipped, and weights of half precision would not move at a learning rate of 1e-6."
        )
    if reload != 1:
        yield (
            f"trainer.reload_dataloaders_every_n_epochs: expected 1, got {reload}: the mixture of questions and "
            "templates would stay that of the first epoch."
        )
    if max_steps != -1:
        yield (
            f"trainer.max_steps: expected -1, got {max_steps}: it ends an epoch in its middle, whose other questions "
            "are never asked. Set trainer.max_epochs; data.questions_per_epoch makes epochs shorter."
        )
    if timed:
        yield (
            "trainer.max_time or a Timer: expected none that ends an epoch in its middle, whose other questions are "
            "never asked. Send SIGTERM in its place (timeout 3h p2o fit ...): the run is saved where it is, and "
            "--ckpt_path=last goes on there."
        )
    if overfit:
        yield (
            f"trainer.overfit_batches: expected 0, got {overfit}: each epoch would ask others, since p2o draws the "
            "order of questions. Give it fewer questions in data.train."
        )


def _settings(trainer: Trainer) -> tuple[int, int, bool, float]:
    """Reloads of the loader, steps, whether a time ends an epoch in its middle, batches to overfit.

    `fast_dev_run` sets steps of its own.
    """
    timed = any(isinstance(each, Timer) and each._interval == "step" for each in trainer.callbacks)  # type: ignore[attr-defined]
    steps = -1 if trainer.fast_dev_run else trainer.max_steps  # type: ignore[attr-defined]
    return trainer.reload_dataloaders_every_n_epochs, steps, timed, trainer.overfit_batches  # type: ignore[attr-defined]


def average_problems(regularizers: Iterable[Regularizer], sharded: bool) -> Iterator[str]:
    """A moving average of a policy that lies in shards, which nobody keeps."""
    if sharded and any(part.averages for part in regularizers):
        yield (
            "model.regularizers: weights: average needs the whole policy on each process, and trainer.strategy keeps "
            "it in shards. Set weights to current or initial, or train without shards."
        )


def check_monitors(callbacks: Iterable[Callback], validation: Iterable[Question], every: int = 1) -> None:
    """Holds `monitor` of checkpoints and the like against the accuracies that validation measures.

    Lightning names the others at the end of the first epoch; until then nobody knows which there will be.

    Args:
        callbacks: Of the run.
        validation: Its validation questions.
        every: Epochs from one validation to the next.

    Raises:
        InputError: One of validation is monitored that is not among them, or by which an epoch would be chosen that had
            no validation.
    """
    known = [validation_metric("bare", name) for name in dict.fromkeys(question.difficulty for question in validation)]
    for callback in callbacks:
        monitor = vars(callback).get("monitor")
        if not isinstance(monitor, str):  # none, or what a callback of one's own calls so
            continue
        if monitor.startswith("val/") and monitor not in known and vars(callback).get("strict", True):
            raise InputError(
                f"{type(callback).__name__}: monitor: expected an accuracy that validation measures in every epoch "
                f"({', '.join(known)}), got {monitor!r}. Those under a template come with the first template."
            )
        if monitor.startswith("val/") and isinstance(callback, ModelCheckpoint) and callback._every_n_epochs % every:
            raise InputError(
                f"{type(callback).__name__}: every_n_epochs: expected a multiple of trainer.check_val_every_n_epoch "
                f"({every}), got {callback._every_n_epochs}: an epoch without a validation would be kept for the "
                f"{monitor} of an earlier one."
            )
