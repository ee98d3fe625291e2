"""Rollouts with vLLM: within the process that trains, or on servers; weights by vLLM's own weight-transfer API."""

from p2o.engines.vllm.colocated import VLLMEngine
from p2o.engines.vllm.servers import FixedWeights, SharedFolder, VLLMServers

__all__ = ["FixedWeights", "SharedFolder", "VLLMEngine", "VLLMServers"]
