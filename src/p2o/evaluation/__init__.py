"""Evaluation on benchmarks: estimators, metrics, and the report of a run."""
