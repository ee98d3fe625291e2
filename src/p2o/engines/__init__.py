"""Rollout engines sample completions: they are given token ids and return token ids."""

from p2o.engines.base import RolloutEngine, SamplingParams
from p2o.engines.transformers import TransformersEngine
from p2o.engines.vllm import VLLMEngine

__all__ = ["RolloutEngine", "SamplingParams", "TransformersEngine", "VLLMEngine"]
