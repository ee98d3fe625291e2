"""Rollout engines sample completions: they are given token ids and return token ids."""

from p2o.engines.base import BackgroundEngine, RolloutEngine, SamplingParams
from p2o.engines.transformers import TransformersEngine
from p2o.engines.vllm import FixedWeights, SharedFolder, VLLMEngine, VLLMServers

__all__ = [
    "BackgroundEngine",
    "FixedWeights",
    "RolloutEngine",
    "SamplingParams",
    "SharedFolder",
    "TransformersEngine",
    "VLLMEngine",
    "VLLMServers",
]
