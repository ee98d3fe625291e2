"""Rollout engines: token ids in, token ids out."""

from p2o.engines.base import RolloutEngine, Sampling
from p2o.engines.transformers import TransformersEngine
from p2o.engines.vllm import VLLMEngine

__all__ = ["RolloutEngine", "Sampling", "TransformersEngine", "VLLMEngine"]
