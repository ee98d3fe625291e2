"""Rollouts with vLLM: within the process that trains, weights taken over by vLLM's own weight-transfer API."""

from p2o.engines.vllm.colocated import VLLMEngine

__all__ = ["VLLMEngine"]
