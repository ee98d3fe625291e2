"""The strategy of a run in shards, and which strategies p2o knows."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning.pytorch.strategies import (
    DDPStrategy,
    DeepSpeedStrategy,
    ModelParallelStrategy,
    SingleDeviceStrategy,
    Strategy,
    StrategyRegistry,
)
from lightning.pytorch.utilities import rank_zero_info
from torch.optim import Optimizer

from p2o.errors import InputError
from p2o.io.places import standing
from p2o.policy.checkpoints import check_belongs, load_checkpoint
from p2o.policy.checkpoints.folder import write_folder
from p2o.policy.checkpoints.shards import load_shards


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's strategy for FSDP2 over all processes of a run: `trainer.strategy: sharded`.

    Args:
        process_group_backend: Of torch.distributed; nccl on GPUs and gloo on CPUs if it is not given.
        timeout_minutes: Until a process that waits for another gives up.
        largest_file: GB of a checkpoint that is written as one file, which takes as much host memory of the first
            process. A larger one becomes a folder, into which each process writes its own shards.
    """

    def __init__(
        self,
        process_group_backend: str | None = None,
        timeout_minutes: float = 120.0,
        largest_file: float = 10.0,
    ) -> None:
        if largest_file < 0:
            raise InputError(f"trainer.strategy: expected largest_file >= 0 (GB), got {largest_file}.")
        super().__init__(
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,  # Lightning's folders can be neither replaced at once nor checked
            process_group_backend=process_group_backend,
            timeout=timedelta(minutes=timeout_minutes),
        )
        self.largest_file = largest_file

    def setup_environment(self) -> None:
        """All processes are of one data-parallel group; Lightning would take one process a node."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    @property
    def in_shards(self) -> bool:
        """Whether a checkpoint of the weights that are trained, and of two moments, is larger than one file may be."""
        assert self.model is not None
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        return 3 * sum(part.numel() * part.element_size() for part in trained) > 1e9 * self.largest_file

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The weights: whole on the first process, or the shards of this one."""
        if not self.in_shards:
            return super().lightning_module_state_dict()
        assert self.model is not None
        return dict(self.model.state_dict(keep_vars=True))

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """The state of the optimizer: whole on the first process, or the shards of this one."""
        if not self.in_shards:
            return super().optimizer_state(optimizer)
        return optimizer.state_dict()

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:  # noqa: ANN401 (Lightning's signature)
        """Writes one file, or a folder of shards; all processes call it."""
        path = Path(self.broadcast(filepath))
        if not self.in_shards:
            if self.is_global_zero:
                self.checkpoint_io.save_checkpoint(checkpoint, path)
            return
        started = time.monotonic()
        size = write_folder(checkpoint, path)
        rank_zero_info(f"checkpoint {path.name}: {size / 1e6:,.1f} MB in {time.monotonic() - started:.1f} s")

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:  # noqa: ANN401 (Lightning's signature)
        """Reads a checkpoint of any number of processes into the shards of this one.

        Raises:
            InputError: It is damaged, or of another model or other adapters.
        """
        path = standing(Path(self.broadcast(checkpoint_path)))
        content = load_checkpoint(path)
        check_belongs(content, self.lightning_module)
        if path.is_file():
            return super().load_checkpoint(path, weights_only)
        assert self.model is not None
        load_shards(path, content, self.model, self.optimizers)
        return {name: value for name, value in content.items() if name not in ("state_dict", "optimizer_states")}


StrategyRegistry.register("sharded", ShardedStrategy, description="FSDP2 over all processes (p2o)")


def check_strategy(strategy: Strategy) -> None:
    """Refuses strategies that would train something else than they say.

    Raises:
        InputError: The strategy shards or offloads in a way that p2o does not know.
    """
    known = isinstance(strategy, (SingleDeviceStrategy, DDPStrategy, ShardedStrategy))
    if not known or isinstance(strategy, DeepSpeedStrategy):  # which is a DDPStrategy for Lightning
        raise InputError(
            f"trainer.strategy: expected auto, ddp or sharded (FSDP2 over all processes), got {type(strategy).__name__}"
            ". Tensor parallelism, FSDP1 and DeepSpeed are not supported in training."
        )
