"""Stores every evolution with its lineage: which template came from which, how it did, and what was said about it."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from p2o.errors import InputError
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.result import EvolutionResult
from p2o.io.files import write_json
from p2o.io.tables import write_jsonl
from p2o.policy.checkpoints.callback import saves
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import template_id


class EvolutionLog(Callback):
    """Writes, for the evolution after epoch N, `evolution/epoch-N.jsonl` and `evolution/epoch-N.json`.

    The first holds a candidate on each line, the second what the evolution was given and what it cost; proposals that
    came to nothing go to `evolution/epoch-N.rejected.jsonl`. What reflection has cost so far goes to `ledger.json`.

    Args:
        enabled: Whether anything is written.
        epochs: Epochs whose candidates and rejected proposals are kept, with all that was asked and replied: the first
            one and the latest; -1: all. The figures of every evolution stay.
    """

    def __init__(self, enabled: bool = True, epochs: int = 20) -> None:
        if epochs < 2 and epochs != -1:
            raise InputError(f"evolution_log.epochs: expected at least 2, the first and the last, or -1, got {epochs}.")
        self.enabled = enabled
        self.epochs = epochs

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the evolution that a resumed run has just made up for."""
        if trainer.current_epoch:
            self._write(trainer, trainer.current_epoch - 1)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Runs after evolution: `p2o fit` puts this callback behind it."""
        paths = RunPaths(Path(trainer.default_root_dir))
        if self._writes(trainer):  # what an earlier run left here is no evolution of this one
            paths.candidates(trainer.current_epoch).unlink(missing_ok=True)
            paths.evolution(trainer.current_epoch).unlink(missing_ok=True)
            paths.rejected_proposals(trainer.current_epoch).unlink(missing_ok=True)
        self._write(trainer, trainer.current_epoch)

    def _writes(self, trainer: Trainer) -> bool:
        return self.enabled and trainer.is_global_zero and saves(trainer)

    def _write(self, trainer: Trainer, epoch: int) -> None:
        evolution = next(c for c in trainer.callbacks if isinstance(c, TemplateEvolution))  # type: ignore[attr-defined]
        evolved = evolution.finished
        if self._writes(trainer) and evolved is not None and evolved.epoch == epoch:
            paths = RunPaths(Path(trainer.default_root_dir))
            paths.evolution(epoch).parent.mkdir(parents=True, exist_ok=True)
            write_jsonl(paths.candidates(epoch), lineage(evolved))
            write_json(paths.evolution(epoch), evolution_figures(evolved))
            write_jsonl(paths.rejected_proposals(epoch), rejected_proposals(evolved))
            write_json(paths.ledger, {"entries": evolution.ledger.state_dict()})
            for old in range(1, epoch - self.epochs + 2) if self.epochs != -1 else ():
                paths.candidates(old).unlink(missing_ok=True)
                paths.rejected_proposals(old).unlink(missing_ok=True)


def lineage(evolved: EvolutionResult) -> Iterator[dict[str, Any]]:
    """A row for each candidate, the pool first; ids are those of the question log, and the empty template's is ""."""
    pool = evolved.history.pool
    weights = {template.text: template.score for template in evolved.bank.templates}
    for candidate in (*pool, *evolved.history.others):
        yield asdict(candidate) | {
            "id": template_id(candidate.text),
            "parent": None if candidate.parent is None else template_id(pool[candidate.parent].text),
            "dev_score": candidate.dev_score if candidate.dev_scores else None,
            "weight": weights.get(candidate.text),  # in the bank; None if it is not there
        }


def rejected_proposals(evolved: EvolutionResult) -> Iterator[dict[str, Any]]:
    """A row for each proposal without a template that was worth trying: why, what was asked and what was replied."""
    for proposal in evolved.history.rejected:
        yield asdict(proposal) | {"parent": template_id(evolved.history.pool[proposal.parent].text)}


def evolution_figures(evolved: EvolutionResult) -> dict[str, Any]:
    """Sizes, cost, iterations and the cover of the dev questions, in plain types."""
    ids = [template_id(template.text) for template in evolved.bank.templates]
    return {
        **evolved.report(),
        "failure": evolved.failure,  # "": its bank was adopted
        "settings": asdict(evolved.settings),
        "seeds": sum(candidate.iteration == 0 for candidate in evolved.history.pool),
        "best_dev_scores": evolved.history.best_dev_scores,  # after each iteration
        "iteration_figures": [asdict(iteration) for iteration in evolved.history.iterations],
        "train_questions": list(evolved.train),
        "dev_questions": list(evolved.dev),
        "solvers": {question: [ids[index] for index in indices] for question, indices in evolved.bank.solvers.items()},
    }
