"""What the console says when a run begins, ends or is interrupted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning import Trainer

from p2o.evolution.callback import TemplateEvolution
from p2o.mixture.data_module import MixtureDataModule, mixture_of
from p2o.policy.checkpoints.callback import saves
from p2o.policy.checkpoints.place import place_of
from p2o.policy.module import PolicyModule
from p2o.run_folder.paths import RunPaths


def start_block(trainer: Trainer, module: PolicyModule) -> str:
    """Where the run writes, what is trained on what, by which method, and what it goes on from."""
    data = mixture_of(trainer)
    context = type(module.update.objective.context).__name__
    questions, held_back = len(data.train_questions), len(data.validation_questions)
    return _aligned(
        {
            "run folder": str(Path(trainer.default_root_dir)),
            "policy": f"{module.model}, {_parameters(module)}, {_place(module, trainer.world_size)}",
            "questions": f"{questions:,} for training{_slices(data)}, {held_back:,} for validation",
            "method": f"{context} context, {type(module.advantage).__name__}, K = {data.num_generations} rollouts, "
            f"{_bare(data, trainer.max_epochs or 1)} bare if hard",
            "evolution": _evolution(trainer),
            "begins": f"{_beginning(trainer)}; {_epochs(trainer.max_epochs or 1)}",
        }
    )


def end_block(trainer: Trainer, summary: Mapping[str, Any]) -> str:
    """What the run took, where its results are, and what to do next."""
    if not saves(trainer):
        return "The trial (trainer.fast_dev_run) has come to its end: nothing of it is kept."
    root = Path(trainer.default_root_dir)
    return _aligned(
        {
            "done": f"{_epochs(summary['epochs'])}, {sum(summary['rollouts'].values()):,} rollouts, "
            f"{summary['seconds']:,.0f} s",
            "results": str(RunPaths(root).summary),
            "next": f"p2o report {root}",
            "": f"p2o export {RunPaths(root).checkpoints / 'last.ckpt'} {root / 'model'}",
        }
    )


def complete_block(trainer: Trainer, summary: Mapping[str, Any]) -> str:
    """That a resumed run was complete before, and how it would go on."""
    return (
        f"Nothing is left to train: the run has {summary['epochs']} of {trainer.max_epochs} epochs. For more of them: "
        f"--trainer.max_epochs {summary['epochs'] + 1} or higher.\n{end_block(trainer, summary)}"
    )


def resume_line(trainer: Trainer) -> str:
    """How an interrupted run goes on."""
    paths = RunPaths(Path(trainer.default_root_dir))
    if not (paths.checkpoints / "last.ckpt").exists():
        return f"Interrupted before the first checkpoint. To begin anew: p2o fit --config {paths.config}"
    return f"Interrupted. To go on from the last checkpoint: p2o fit --config {paths.config} --ckpt_path last"


def _bare(data: MixtureDataModule, epochs: int) -> str:
    fewest, most = data.bare_rollouts.extremes(epochs)
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def _slices(data: MixtureDataModule) -> str:
    return f" ({data.epoch_size:,} an epoch)" if data.epoch_size < len(data.train_questions) else ""


def _parameters(module: PolicyModule) -> str:
    count = sum(parameter.numel() for parameter in module.policy.parameters())
    trained = sum(parameter.numel() for parameter in module.policy.parameters() if parameter.requires_grad)
    return f"{_short(count)} parameters" + (f" ({_short(trained)} trained)" if trained < count else "")


def _place(module: PolicyModule, processes: int) -> str:
    several = f", {processes} processes" if processes > 1 else ""
    return f"{str(module.dtype).removeprefix('torch.')} on {module.device.type}{several}"


def _beginning(trainer: Trainer) -> str:
    return f"{place_of(trainer)}, resumed from {trainer.ckpt_path}" if trainer.ckpt_path else "anew"


def _epochs(count: int) -> str:
    """In words; -1 is as many as there will be."""
    return "until it is interrupted" if count < 0 else f"{count} epoch{'s' if count > 1 else ''}"


def _short(count: int) -> str:
    for unit, size in (("B", 1e9), ("M", 1e6)):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return f"{count / 1e3:.0f}k"


def _evolution(trainer: Trainer) -> str:
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    evolution = next(callback for callback in callbacks if isinstance(callback, TemplateEvolution))
    if evolution.budget == 0:
        return "none (evolution.budget is 0)"
    budget = f"{evolution.budget:,} rollouts" if isinstance(evolution.budget, int) else f"budget {evolution.budget}"
    return f"{type(evolution.reflector).__name__}, {budget} after each epoch but the last"


def _aligned(rows: Mapping[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows.items())


def epoch_line(number: int, epoch: dict[str, Any]) -> str:
    """What the console says of an epoch, in one line."""
    parts = [f"epoch {number:>2}", f"reward {epoch['reward']:.3f}", f"hard questions {epoch['hard_set']:>4}"]
    for context, accuracies in epoch["validation"].items():
        shown = " ".join(f"{name} {value:.1%}" for name, value in accuracies.items()) if accuracies else "-"
        parts.append(f"{context}: {shown}")
    if epoch["best_dev_score"] is not None:
        parts.append(f"evolution: best dev {epoch['best_dev_score']:.1%}, bank {epoch['templates']}")
    return " | ".join([*parts, f"{epoch['seconds']:.0f} s"])
