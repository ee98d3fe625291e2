"""Servers that keep the weights they were started with."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from p2o.engines.vllm.servers.group import ServerGroup
from p2o.engines.vllm.servers.transport import WeightTransport
from p2o.errors import InputError

STARTED_WITH = "default"  # vLLM's name for them


class FixedWeights(WeightTransport):
    """Sends nothing: the servers hold the policy before training for good, for a `SelfReflector` of their own."""

    backend = ""

    def version_of(self, policy: PreTrainedModel) -> str:
        """The name that weights have when a server starts, whatever the policy."""
        return STARTED_WITH

    def send(
        self, policy: PreTrainedModel, version: str, group: ServerGroup, live: Sequence[str], stale: Sequence[str]
    ) -> dict[str, str]:
        """Refuses servers that were given weights."""
        if stale:
            raise InputError(
                f"{', '.join(stale)}: expected the weights that the server was started with, it was given others. "
                "Start it again, or take SharedFolder."
            )
        return {}
