"""The report of `p2o test`: a table on the console, and files in the run folder."""

from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from p2o.distributed.processes import gather
from p2o.errors import InputError
from p2o.evaluation.scores import BenchmarkScores
from p2o.evaluation.table import average, markdown_table
from p2o.io.files import write_json, write_text
from p2o.io.tables import write_parquet
from p2o.mixture.data_module import mixture_of
from p2o.policy.module import PolicyModule
from p2o.run_folder.rollout_rows import RolloutRows

PLACE = ("benchmark", "id", "sample")
COLUMNS = RolloutRows(
    (*PLACE, "question", "answer", "completion", "truncated", "tokens", "reward", "outcome", "extracted")
)


class EvaluationReport(Callback):
    """Scores the benchmarks of `p2o test`: results.json, results.md and completions.parquet.

    Args:
        folder: Where they go, within `trainer.default_root_dir`; what an earlier test left there is replaced.
    """

    def __init__(self, folder: str = "evaluation") -> None:
        if not folder:
            raise InputError("report.folder: expected the name of a folder within trainer.default_root_dir, got ''.")
        self.folder = folder
        self._scores: list[BenchmarkScores] = []
        self._completions: dict[tuple[str, str, int], dict[str, Any]] = {}

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts with empty metrics."""
        self._scores = [BenchmarkScores(b, pl_module.device) for b in mixture_of(trainer).test_benchmarks]
        self._completions = {}

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Observes graded completions, grouped by question."""
        scores = self._scores[dataloader_idx]
        for rollouts in outputs["groups"]:
            scores.update(rollouts)
            for number, rollout in enumerate(rollouts):
                name = scores.benchmark.name
                self._completions[name, rollout.question.id, number] = COLUMNS.row(
                    rollout, benchmark=name, sample=number
                )

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes and prints."""
        assert isinstance(pl_module, PolicyModule)
        benchmarks = {scores.benchmark.name: scores.compute() for scores in self._scores}
        completions: dict[tuple[str, str, int], dict[str, Any]] = {}
        for others in gather(self._completions):
            completions |= others
        table = "\n".join(markdown_table(benchmarks))
        results = {
            "model": pl_module.model,
            "checkpoint": trainer.ckpt_path and str(trainer.ckpt_path),
            "instruction": pl_module.instruction,
            "template": mixture_of(trainer).template_of_test(),
            "max_completion_length": pl_module.sampling.max_completion_length,
            "seed": pl_module.seed,
            "average": average(benchmarks),
            "benchmarks": benchmarks,
        }
        if trainer.is_global_zero:
            folder = Path(trainer.default_root_dir) / self.folder
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / "results.json", results)
            write_text(folder / "results.md", table + "\n")
            write_parquet(folder / "completions.parquet", list(completions.values()), COLUMNS.schema())
            rank_zero_info(f"{table}\nWrote {folder}: results.json, results.md, completions.parquet.")
