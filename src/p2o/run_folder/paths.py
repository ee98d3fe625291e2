"""Where everything lies in a run folder: the one place that spells the names of its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Part = Literal["train", "validation"]

LOGS = "logs"  # of the CSV logger: Lightning adds version_N and metrics.csv
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class RunPaths:
    """The files of a run; docs/run_folder.md says what each one holds.

    Args:
        root: The run folder, which is the run's `trainer.default_root_dir`.
    """

    root: Path

    @property
    def config(self) -> Path:
        """The resolved config of the last `p2o fit` in this folder."""
        return self.root / "config.yaml"

    @property
    def environment(self) -> Path:
        """The versions and the hardware that the run was last started with."""
        return self.root / "environment.json"

    @property
    def summary(self) -> Path:
        """The figures of every finished epoch."""
        return self.root / "summary.json"

    @property
    def attempts(self) -> Path:
        """When the run was started, and how long each start lasted."""
        return self.root / "attempts.json"

    @property
    def ledger(self) -> Path:
        """What reflection has cost, by epoch and reflector."""
        return self.root / "ledger.json"

    @property
    def fixed_questions(self) -> Path:
        """Answers to the same questions before and after each half-step."""
        return self.root / "fixed_questions.json"

    @property
    def report(self) -> Path:
        """The page that `p2o report` writes unless it is told another place."""
        return self.root / "report.html"

    @property
    def checkpoints(self) -> Path:
        """The folder that holds the checkpoints of the run."""
        return self.root / CHECKPOINTS

    @property
    def question_templates(self) -> Path:
        """The texts behind the template ids of the question log."""
        return self.root / "questions" / "templates.json"

    @property
    def question_summary(self) -> Path:
        """How the hard set came and went over the epochs."""
        return self.root / "questions" / "summary.json"

    def questions(self, epoch: int) -> Path:
        """What became of every training question in an epoch."""
        return self.root / "questions" / f"{_epoch(epoch)}.parquet"

    def template_gaps(self, epoch: int) -> Path:
        """How much less likely the bare policy made what was right under each template, in an epoch."""
        return self.root / "questions" / f"{_epoch(epoch)}.gaps.json"

    def candidates(self, epoch: int) -> Path:
        """Every template that the evolution after an epoch tried."""
        return self.root / "evolution" / f"{_epoch(epoch)}.jsonl"

    def evolution(self, epoch: int) -> Path:
        """What the evolution after an epoch was given and what it cost."""
        return self.root / "evolution" / f"{_epoch(epoch)}.json"

    def rejected_proposals(self, epoch: int) -> Path:
        """The proposals of the evolution after an epoch that came to nothing, one a line."""
        return self.root / "evolution" / f"{_epoch(epoch)}.rejected.jsonl"

    def rollouts(self, part: Part, epoch: int) -> Path:
        """Completions of the chosen questions in an epoch."""
        return self.root / "rollouts" / f"{part}-{_epoch(epoch)}.parquet"

    def validation(self, epoch: int) -> Path:
        """What became of every validation question after an epoch's updates."""
        return self.root / "validation" / f"{_epoch(epoch)}.parquet"

    @property
    def benchmarks(self) -> Path:
        """The folder that `p2o test` writes to."""
        return self.root / "benchmarks"

    @property
    def benchmark_results(self) -> Path:
        """The figures of every benchmark that was asked."""
        return self.benchmarks / "results.json"

    @property
    def benchmark_table(self) -> Path:
        """The same figures as a Markdown table."""
        return self.benchmarks / "results.md"

    @property
    def benchmark_completions(self) -> Path:
        """Every graded completion of the benchmarks."""
        return self.benchmarks / "completions.parquet"

    def metrics(self) -> list[Path]:
        """The CSV logs of all starts of the run, the last start's at the end; times do not outlive a copy."""
        return sorted(self.root.glob(f"{LOGS}/version_*/metrics.csv"), key=lambda path: _version(path.parent.name))


def _version(name: str) -> int:
    """The number that Lightning counts starts by; -1 of a folder that somebody has named."""
    number = name.removeprefix("version_")
    return int(number) if number.isdecimal() else -1


def _epoch(number: int) -> str:
    return f"epoch-{number:04d}"
