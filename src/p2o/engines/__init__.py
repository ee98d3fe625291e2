"""Rollout engines: token ids in, token ids out."""

from p2o.engines.base import RolloutEngine, Sampling
from p2o.engines.transformers import TransformersEngine

__all__ = ["RolloutEngine", "Sampling", "TransformersEngine"]
