"""Ends a run whose reflection cannot go on, before training where that is known, and goes on with what it has kept."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.utilities import rank_zero_warn

from p2o.distributed.preemption import listen
from p2o.endpoints import try_endpoints
from p2o.engines.vllm.one_asleep import sleep_problems
from p2o.errors import InputError, refuse
from p2o.evolution.proposals.prompt_check import PromptCheck, unusable_templates
from p2o.evolution.settings import check_measured_by, measured_by
from p2o.io.part_states import part_states, restore_parts
from p2o.mixture.data_module import mixture_of
from p2o.policy.checkpoints.callback import checkpoint_of
from p2o.policy.checkpoints.journal import Journal
from p2o.policy.loading import load_window
from p2o.policy.module import PolicyModule
from p2o.policy.preflight import selection_problems, template_problems
from p2o.reflectors.base import Reflector

if TYPE_CHECKING:
    from p2o.evolution.callback import TemplateEvolution


def check_parts(evolution: "TemplateEvolution", trainer: Trainer, module: LightningModule) -> None:
    """Compares parts that look at templates with whether any will come, and who reflects with the engine.

    An evolution that never comes is said.

    Raises:
        InputError: A part would have nothing to do, or wait for ever.
    """
    assert isinstance(module, PolicyModule)
    epochs = -1 if trainer.max_epochs is None else trainer.max_epochs
    data, evolves = mixture_of(trainer), evolution.budget != 0
    refuse(template_problems(module, data, evolves, evolution.carry_over, epochs))
    if evolves:
        refuse(selection_problems(data, evolution.learn_from))
        check_reflector(evolution.reflector, module)
        _stop_before_evolution(trainer)
        size, questions = data.epoch_size, data.train_questions
        asked = (epochs - 1) * size if epochs > 0 else len(questions)
        most = evolution.learn_from.most(questions, asked, size)
        if evolution.min_hard_set > most and epochs != 1:
            rank_zero_warn(
                f"evolution.min_hard_set ({evolution.min_hard_set}) is above the {most} questions that an evolution "
                "can see: there is never one, and this is GRPO alone. Lower it."
            )


def check_reflector(reflector: Reflector, module: LightningModule) -> None:
    """Compares who reflects with the engines of the run, and with the processes that they take.

    Raises:
        InputError: The reflector asks the engine on one process, and the engine needs more; or has an engine of which
            there can be one in a process, as has the run.
    """
    assert isinstance(module, PolicyModule)
    refuse(sleep_problems(reflector.name, reflector.own_engine, [module.engine, *module.sampler.own_engines]))
    processes = (reflector.own_engine or module.engine).processes
    if reflector.samples and processes > 1:
        raise InputError(
            f"evolution.reflector: {reflector.name} samples on the first process alone, and {processes} processes hold "
            "its engine's model together (engine.tensor_parallel_size). Take TeacherReflector, or a "
            "tensor_parallel_size of 1."
        )


def check_reflection(evolution: "TemplateEvolution", trainer: Trainer, module: LightningModule) -> None:
    """Compares the reflector with the policy that is loaded, and tries its endpoints, before the first evolution would.

    Templates that are written down are tried as well: those that will be refused are named. A run of one epoch asks
    nobody. A resumed run tries no endpoint: it may have nothing left to ask, or asks at once.

    Raises:
        InputError: An engine that only the reflector has cannot sample from such a policy, the policy could never be
            asked, or an endpoint cannot be and failures end the run.
    """
    assert isinstance(module, PolicyModule)
    reflector = evolution.reflector
    if (engine := reflector.own_engine) is not None:
        engine.check(module.policy.config, module.renderer.tokenizer, module.longest)
    if trainer.max_epochs == 1:
        return
    window = (engine or module.engine).fitting(load_window(module.model, module.longest))
    for problem in reflector.problems(window, module.renderer):
        raise InputError(problem)
    if reflector.known_templates and trainer.is_global_zero:
        data = mixture_of(trainer)
        questions = [*data.train_questions, *data.validation_questions]
        check = PromptCheck(module.renderer, questions, module.max_templated_prompt_length)
        for problem in unusable_templates(reflector.known_templates, check):
            rank_zero_warn(problem)
    if trainer.is_global_zero and trainer.ckpt_path is None:
        try_endpoints(reflector.endpoints, f"evolution.reflector: {reflector.name}", evolution.on_failure == "stop")


def _stop_before_evolution(trainer: Trainer) -> None:
    """Has EarlyStopping decide when validation ends, as it does if that is not once an epoch.

    Else Lightning asks it after all other callbacks: an evolution would be paid for that nobody needs any more.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EarlyStopping) and callback.monitor.startswith("val/"):
            callback._check_on_train_epoch_end = False


def is_last_epoch(trainer: Trainer) -> bool:
    """Whether no epoch comes after this one, by their number or since a callback has stopped the run."""
    done = trainer.current_epoch + 1
    return done == trainer.max_epochs or (trainer.should_stop and done >= (trainer.min_epochs or 0))


def begin_within(trainer: Trainer, module: LightningModule) -> None:
    """What comes before the first rollouts of a run, where it begins with an evolution.

    Signals are heard, the checkpoint that is gone on from is kept, and log-probabilities are compared.
    """
    assert isinstance(module, PolicyModule)
    listen()
    if (checkpoint := checkpoint_of(trainer)) is not None:
        checkpoint.take_over(trainer)
    module.agree()


def kept_parts(evolution: "TemplateEvolution") -> dict[str, Any]:
    """The states of its parts, for a checkpoint or the journal; nothing if none has one."""
    states = part_states(_parts_of(evolution))
    return {"parts": states} if states else {}


def take_over_parts(evolution: "TemplateEvolution", state: Mapping[str, Any]) -> None:
    """Gives its parts what `kept_parts` has put into a state; earlier releases kept nothing."""
    restore_parts(_parts_of(evolution), state.get("parts", {}))


def _parts_of(evolution: "TemplateEvolution") -> dict[str, object]:
    return {f"evolution.{name}": getattr(evolution, name) for name in ("reflector", "selector", "gate", "learn_from")}


def begun(evolution: "TemplateEvolution", trainer: Trainer, tau: int) -> dict[str, Any]:
    """How far the evolution that is due came in an earlier process, whose costs are booked; empty if it did not begin.

    Raises:
        InputError: It has begun with other settings, by which it has other questions, or other scores.
    """
    module = trainer.lightning_module
    assert isinstance(module, PolicyModule)
    journal = Journal.of(trainer)
    if kept := journal.read() if journal else None:
        evolution.ledger.load_state_dict(kept["ledger"])
        take_over_parts(evolution, kept)
    state: dict[str, Any] = kept["phase"] if kept else evolution.unfinished
    check_measured_by(state.get("measured_by", {}), measured_by(evolution, tau, module))  # 0.1.0 kept none
    return state


def keeper(evolution: "TemplateEvolution", trainer: Trainer) -> Callable[[dict[str, Any]], object]:
    """Keeps states of the phase that runs, and what reflection has cost so far, where there is a checkpoint."""
    journal = Journal.of(trainer)

    def keep(state: dict[str, Any]) -> None:
        if journal:
            journal.write({"phase": state, "ledger": evolution.ledger.state_dict(), **kept_parts(evolution)})

    return keep


def stop_at_evolution(trainer: Trainer, failure: str) -> NoReturn:
    """Saves a checkpoint between two epochs, and ends the run.

    ModelCheckpoint alone would not do: it need not save in every epoch, and never does before the first batch.

    Raises:
        InputError: Always: what failed, and how to go on.
    """
    checkpoint = checkpoint_of(trainer)
    folder = checkpoint.dirpath if checkpoint is not None else None
    path = Path(folder or Path(trainer.default_root_dir) / "checkpoints") / "last.ckpt"
    trainer.save_checkpoint(path, weights_only=False)  # unset, Lightning says so
    raise InputError(
        f"{failure} Nothing is lost: {path} has the epoch and all that its evolution found so far. When its cause is "
        f"gone, the same command with --ckpt_path {path} goes on there; with --evolution.on_failure continue it goes "
        "on without a new bank."
    )
