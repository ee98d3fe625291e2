"""The report of `p2o test`: a table on the console, and files in the run folder."""

from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from p2o.distributed.unions import first_rank_wins
from p2o.evaluation.scores import BenchmarkScores
from p2o.evaluation.table import average, markdown_table
from p2o.io.files import write_json, write_text
from p2o.io.tables import write_parquet
from p2o.mixture.data_module import mixture_of
from p2o.policy.module import PolicyModule
from p2o.run_folder.log_columns import BENCHMARK_COMPLETIONS
from p2o.run_folder.paths import RunPaths


class BenchmarkReport(Callback):
    """Prints the scores of `p2o test` as a table, and writes them to `benchmarks/` with all completions.

    The files are results.json, results.md and completions.parquet; those of an earlier test are replaced.

    Args:
        enabled: Whether files are written; the table is printed in any case.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self._scores: list[BenchmarkScores] = []
        self._completions: dict[tuple[str, str, int], dict[str, Any]] = {}

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins without scores and completions of an earlier test."""
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
        """Takes the graded completions of some questions."""
        scores = self._scores[dataloader_idx]
        for rollouts in outputs["groups"]:
            scores.update(rollouts)
            for number, rollout in enumerate(rollouts):
                name = scores.benchmark.name
                self._completions[name, rollout.question.id, number] = BENCHMARK_COMPLETIONS.row(
                    rollout, benchmark=name, sample=number
                )

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the files and prints the table."""
        assert isinstance(pl_module, PolicyModule)
        benchmarks = {scores.benchmark.name: scores.compute() for scores in self._scores}
        completions = first_rank_wins(self._completions)
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
        rank_zero_info(table)
        if self.enabled and trainer.is_global_zero:
            paths = RunPaths(Path(trainer.default_root_dir))
            paths.benchmarks.mkdir(parents=True, exist_ok=True)
            write_json(paths.benchmark_results, results)
            write_text(paths.benchmark_table, table + "\n")
            write_parquet(paths.benchmark_completions, completions.values(), BENCHMARK_COMPLETIONS.schema())
            made = (paths.benchmark_results, paths.benchmark_table, paths.benchmark_completions)
            rank_zero_info(f"Wrote {paths.benchmarks}: {', '.join(path.name for path in made)}.")
