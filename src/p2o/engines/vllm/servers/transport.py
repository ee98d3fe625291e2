"""How the servers of an engine get the policy's weights."""

import hashlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedModel

from p2o.engines.vllm.servers.group import ServerGroup
from p2o.engines.vllm.servers.server import Server, ServerLostError
from p2o.engines.weight_sync import weights_fingerprint
from p2o.errors import InputError

FILES = "p2o_files"  # the name of `FileTransfer` in vLLM's registry
INCOMPLETE = "incomplete"  # the name of weights that are being replaced


class WeightTransport(ABC):
    """Sends the weights of a policy to servers.

    `backend`: the name of its counterpart in vLLM's registry, with which the servers are started; "" if none is needed.
    """

    backend: str

    def version_of(self, policy: PreTrainedModel) -> str:
        """A name for the present weights of a policy that others do not have."""
        fingerprint = weights_fingerprint(policy)
        return "p2o-" + hashlib.sha256(struct.pack(f"{len(fingerprint)}d", *fingerprint)).hexdigest()[:16]

    @abstractmethod
    def send(
        self, policy: PreTrainedModel, version: str, group: ServerGroup, live: Sequence[str], stale: Sequence[str]
    ) -> dict[str, str]:
        """Gives the servers `stale` of those that are `live` the policy's weights under the name `version`.

        All processes of a run whose policy is sharded call it together, and only the first names servers.

        Returns:
            What was lost meanwhile, by url, and why.

        Raises:
            InputError: A living server cannot load the weights.
        """

    async def renew(self, server: Server, version: str) -> bool:
        """Gives one server the weights that were sent last, in the middle of rollouts; False if that cannot be done."""
        return False


async def update(server: Server, version: str, info: dict[str, Any]) -> None:
    """Replaces the weights of a server, which samples nothing meanwhile and forgets what it has cached.

    From the first step on its weights have the name `INCOMPLETE`, so that what a fault leaves is used by nobody.

    Raises:
        ServerLostError: The server died of it.
        InputError: The server lives and says why it cannot load them.
    """
    await server.call("/update_weight_version", {"new_version": INCOMPLETE})
    await server.call("/pause?mode=abort")
    try:
        await _begin(server)
        await server.call("/update_weights", {"update_info": info})
        await server.call("/finish_weight_update", {})
    except ServerLostError as lost:
        if not await server.is_healthy():
            raise
        raise InputError(
            f"{server.url}: the server could not load the weights: {lost}. Expected that it sees the folder of "
            "model.engine.weights, and serves the model that is trained."
        ) from lost
    await server.call("/reset_prefix_cache")
    await server.call("/update_weight_version", {"new_version": version})
    await server.call("/resume")


async def _begin(server: Server) -> None:
    """Begins an update, and ends one that a trainer which was killed has left open: vLLM ends it when a step fails."""
    try:
        await server.call("/start_weight_update")
    except ServerLostError as lost:
        if "already active" not in str(lost):
            raise
        try:
            await server.call("/update_weights", {"update_info": {"abandoned": True}})
        except ServerLostError:
            pass
        await server.call("/start_weight_update")
