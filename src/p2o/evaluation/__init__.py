"""Evaluation on benchmarks: estimators, metrics, and the report of a run."""

from p2o.evaluation.callback import EvaluationReport

__all__ = ["EvaluationReport"]
