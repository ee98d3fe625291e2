"""Stores what was mined: one Parquet file an epoch and a summary over all of them."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer

from p2o.distributed.processes import gather
from p2o.errors import InputError
from p2o.io.files import write_json
from p2o.io.tables import read_rows, write_parquet
from p2o.mixture.data_module import mixture_of
from p2o.run_folder.hard_set_summary import summarise
from p2o.run_folder.question_record import QuestionRecord, joined, record, template_id


class MiningLog(Callback):
    """Writes `epoch-N.parquet` (a row per question), `templates.json` (texts by id) and `summary.json`.

    A run that is killed loses the epoch it was in, which the resumed run writes anew.

    Args:
        folder: Where they go, within `trainer.default_root_dir`.
    """

    def __init__(self, folder: str = "mining") -> None:
        if not folder:
            raise InputError("mining.folder: expected the name of a folder within trainer.default_root_dir, got ''.")
        self.folder = folder
        self._records: dict[str, QuestionRecord] = {}
        self._texts: dict[str, str] = {}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts anew."""
        self._records, self._texts = {}, {}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Records the groups of a rollout batch."""
        tau = mixture_of(trainer).hard_set.tau
        for group in outputs["groups"]:
            add(self._records, record(trainer.current_epoch, group, tau), tau)
            self._texts |= {template_id(rollout.template): rollout.template for rollout in group if rollout.template}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the epoch."""
        everyones = gather((self._records, self._texts))
        records = of_all_processes(records for records, _ in everyones)
        texts = {id: text for _, texts in everyones for id, text in texts.items()}
        if trainer.is_global_zero:
            write(Path(trainer.default_root_dir) / self.folder, trainer.current_epoch, records, texts)


def add(records: dict[str, QuestionRecord], entry: QuestionRecord, tau: int) -> None:
    """Adds a record; one of a question that was asked before in this epoch joins the earlier one."""
    known = records.get(entry.id)
    records[entry.id] = entry if known is None else joined(known, entry, tau)


def of_all_processes(processes: Iterable[dict[str, QuestionRecord]]) -> list[QuestionRecord]:
    """The records of all processes, in order of their rank; as in the hard set, a question's first one holds.

    Lightning's sampler pads the last step with questions that another process has as well.
    """
    joined: dict[str, QuestionRecord] = {}
    for records in processes:
        joined = records | joined
    return list(joined.values())


def write(folder: Path, epoch: int, records: list[QuestionRecord], texts: dict[str, str]) -> None:
    """Adds an epoch to the folder; files of later epochs, of a run that went another way, do not count."""
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "templates.json"
    if known.exists():
        texts = json.loads(known.read_text(encoding="utf-8")) | texts
    write_json(known, texts)
    write_parquet(_path(folder, epoch), [asdict(entry) for entry in records], _schema())
    epochs = [read_epoch(_path(folder, number)) for number in range(epoch + 1) if _path(folder, number).exists()]
    write_json(folder / "summary.json", {"epochs": summarise(epochs, texts)})


def read_epoch(path: Path) -> list[QuestionRecord]:
    """The records of an epoch."""
    return [
        QuestionRecord(**(row | {"templates": tuple(row["templates"]), "outcomes": tuple(row["outcomes"])}))
        for _, row in read_rows(path)
    ]


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:04d}.parquet"


def _schema() -> Any:  # noqa: ANN401 (pyarrow's)
    import pyarrow as pa

    return pa.schema(
        [
            ("epoch", pa.int32()),
            ("id", pa.string()),
            ("difficulty", pa.string()),
            ("context", pa.string()),
            ("correct", pa.int32()),
            ("hard", pa.bool_()),
            ("templates", pa.list_(pa.string())),
            ("outcomes", pa.list_(pa.string())),
        ]
    )
