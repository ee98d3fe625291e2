"""Stores what became of every training question: a table for each epoch, and a summary over all of them."""

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from p2o.distributed.processes import gather, of_this_process
from p2o.distributed.unions import first_rank_wins
from p2o.mixture.data_module import mixture_of
from p2o.objective.context_gap import by_template
from p2o.policy.checkpoints.callback import saves
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import QuestionRecord, joined, record, template_id
from p2o.run_folder.question_tables import write_questions
from p2o.types import TemplateGap


class QuestionLog(Callback):
    """Writes what became of every training question to `questions/`.

    Each epoch has a table, `epoch-N.parquet`, and in `epoch-N.gaps.json` how much what was right under each template
    relies on it; `templates.json` holds the texts of templates by their ids, and `summary.json` how the hard set came
    and went.

    Args:
        enabled: Whether anything is written.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._records: dict[str, QuestionRecord] = {}
        self._texts: dict[str, str] = {}
        self._gaps: list[TemplateGap] = []  # of all processes, one for each template

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets the records of the last epoch."""
        self._forget()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Records the groups of a rollout batch."""
        if not self.enabled:
            return
        threshold = mixture_of(trainer).hard_set.threshold
        for group in outputs["groups"]:
            add(self._records, record(trainer.current_epoch, group, threshold), threshold)
            self._texts |= {template_id(rollout.template): rollout.template for rollout in group if rollout.template}
        self._gaps = by_template([*self._gaps, *outputs["gaps_of_successes"]])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the questions of all processes, with the record that the hard set counts as well."""
        records, texts = first_rank_wins(self._records), first_rank_wins(self._texts)
        if self.enabled and trainer.is_global_zero and saves(trainer):
            paths = RunPaths(Path(trainer.default_root_dir))
            write_questions(paths, trainer.current_epoch, list(records.values()), texts, self._gaps)
        self._forget()  # a checkpoint between epochs holds none of them

    def state_dict(self) -> dict[str, Any]:
        """What the epoch has recorded so far, by process, in plain types."""
        records = {id: asdict(entry) for id, entry in self._records.items()}
        gaps = [asdict(gap) for gap in self._gaps]
        return {"processes": gather({"records": records, "texts": self._texts, "gaps": gaps})}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on recording the epoch."""
        if mine := of_this_process(state_dict["processes"]):
            self._records = {id: QuestionRecord(**entry) for id, entry in mine["records"].items()}
            self._texts = dict(mine["texts"])
            self._gaps = [TemplateGap(**gap) for gap in mine.get("gaps", ())]  # older checkpoints have none

    def _forget(self) -> None:
        self._records, self._texts, self._gaps = {}, {}, []


def add(records: dict[str, QuestionRecord], entry: QuestionRecord, threshold: Fraction) -> None:
    """Adds a record; one of a question that was asked before in this epoch joins the earlier one."""
    known = records.get(entry.id)
    records[entry.id] = entry if known is None else joined(known, entry, threshold)
