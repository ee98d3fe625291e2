"""Rollouts on vLLM servers, of which there may be as many as there are GPUs."""

from p2o.engines.vllm.servers.engine import VLLMServers
from p2o.engines.vllm.servers.fixed_weights import FixedWeights
from p2o.engines.vllm.servers.shared_folder import SharedFolder
from p2o.engines.vllm.servers.transport import WeightTransport

__all__ = ["FixedWeights", "SharedFolder", "VLLMServers", "WeightTransport"]
