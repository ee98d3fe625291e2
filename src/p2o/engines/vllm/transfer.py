"""Backends of vLLM's weight-transfer API for weights of a checkpoint's names. Imports vLLM: import it where it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from vllm.distributed.weight_transfer import WeightTransferEngine, WeightTransferEngineFactory
from vllm.distributed.weight_transfer.base import WeightTransferInitInfo, WeightTransferUpdateInfo
from vllm.model_executor.model_loader.reload import finalize_layerwise_reload, initialize_layerwise_reload

BACKEND = "p2o"  # the name of `InProcessTransfer` in vLLM's registry

Update = TypeVar("Update", bound=WeightTransferUpdateInfo)


@dataclass
class NamedWeight(WeightTransferUpdateInfo):
    """One parameter, by the name it has in a checkpoint; the tensor itself, since nobody copies it on the way."""

    name: str
    value: Tensor


class CheckpointTransfer(WeightTransferEngine[WeightTransferInitInfo, Update]):
    """Loads weights by the names that they have in a checkpoint, all of them in each update.

    Loading goes through vLLM's layerwise reload, which redoes what a device does to weights after loading (the CPU
    packs them), a layer at a time.
    """

    init_info_cls = WeightTransferInitInfo
    loading = False  # within an update

    def init_transfer_engine(self, init_info: WeightTransferInitInfo) -> None:
        """Needs no connection."""

    def start_weight_update(self) -> None:
        """Makes the layers of vLLM's model ready to be loaded; after an update that was broken off, whole first."""
        if self.loading:
            finalize_layerwise_reload(self.model, self.model_config)
        self.loading = True
        self.loaded: set[str] = set()
        self.expected = {name for name, _ in self.model.named_parameters()}
        initialize_layerwise_reload(self.model)

    def update_weights(self, update_info: dict[str, object]) -> None:
        """Loads what is told of; vLLM's version also waits for the accelerator, which a CPU does not have."""
        self.receive_weights(self.parse_update_info(update_info))

    def load(self, name: str, value: Tensor) -> None:
        """Loads one parameter into the layers of vLLM's model."""
        self.loaded |= self.model.load_weights([(name, value)])

    def finish_weight_update(self) -> None:
        """Checks that no weight was left out, and waits until the device has them."""
        finalize_layerwise_reload(self.model, self.model_config)
        self.loading = False
        for layer in _tied_layers(self.model):
            layer.quant_method.process_weights_after_loading(layer)
        if missing := sorted(self.expected - self.loaded):
            raise RuntimeError(
                f"The policy has no weights for {len(missing)} of vLLM's parameters, such as {missing[0]}."
            )
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()

    def shutdown(self) -> None:
        """Has nothing to release, since nothing was connected."""


class InProcessTransfer(CheckpointTransfer[NamedWeight]):
    """Loads weights that lie in this process, without a staging buffer or a handle that other processes could open.

    vLLM's own backends (nccl, ipc) serve workers in other processes.
    """

    update_info_cls = NamedWeight

    def receive_weights(self, update_info: NamedWeight) -> None:
        """Loads one parameter."""
        self.load(update_info.name, update_info.value)


def _tied_layers(model: nn.Module) -> Iterator[Any]:
    """Layers whose weight is another's, such as a head tied to the embedding.

    Nothing is loaded under their name, so layerwise reload passes them over, and on a CPU they would keep a packed copy
    of the old weights (vLLM 0.32).
    """
    seen = set()
    for layer in model.modules():
        weight = layer._parameters.get("weight")
        if weight is not None and id(weight) in seen:
            yield layer
        seen.add(id(weight))


WeightTransferEngineFactory.register_engine(BACKEND, InProcessTransfer)
