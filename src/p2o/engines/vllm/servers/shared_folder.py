"""Weights through files in a folder that the trainer and its servers share."""

import hashlib
import shutil
import uuid
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from p2o.distributed.processes import rank
from p2o.engines.vllm.servers.group import ServerGroup
from p2o.engines.vllm.servers.server import Server, ServerLostError
from p2o.engines.vllm.servers.transport import FILES, WeightTransport, update
from p2o.engines.weight_sync import full_tensors, must_transfer
from p2o.errors import InputError

OWNER = "owner"  # the file that says whose weights these are: another run of the process may have the folder since
FILE_BYTES = 2**30  # of weights that the first process holds in memory beside those that it trains


class SharedFolder(WeightTransport):
    """Writes the weights into files, which the servers read.

    Works on any device, for servers on the same machine (memory) or on others (a disk that all nodes share). The files
    are as large as the policy, stay until the next weights, and go when the run ends.

    Args:
        folder: Seen under the same path by the trainer and all servers, and writable for the trainer: `/dev/shm` is the
            memory of one machine.
    """

    backend = FILES

    def __init__(self, folder: str = "/dev/shm") -> None:
        self.folder = folder
        self._version = ""
        self._paths: list[str] = []
        self._id = ""

    def send(
        self, policy: PreTrainedModel, version: str, group: ServerGroup, live: Sequence[str], stale: Sequence[str]
    ) -> dict[str, str]:
        """Writes the files if the weights are new, and has the servers load them, all at once."""
        if must_transfer(policy, version != self._version):
            self._write(policy, version, group)
        outcomes = group.each(stale, lambda server: self.renew(server, version))
        return {url: str(outcome) for url, outcome in outcomes.items() if isinstance(outcome, ServerLostError)}

    async def renew(self, server: Server, version: str) -> bool:
        """Has the server load the files, which are there until the next weights."""
        if version != self._version or not self._paths:
            return False
        await update(server, version, {"paths": self._paths})
        return True

    def _write(self, policy: PreTrainedModel, version: str, group: ServerGroup) -> None:
        """Parameter by parameter, in files of `FILE_BYTES`; only the first process writes, the others gather shards."""
        own = self._emptied(group) if rank() == 0 else None
        self._paths = []
        waiting: dict[str, Tensor] = {}
        for name, value in full_tensors(policy):
            if own is not None:
                waiting[name] = value.detach().cpu().contiguous()
                if sum(tensor.nbytes for tensor in waiting.values()) >= FILE_BYTES:
                    self._save(waiting, own, version)
                    waiting = {}
        if own is not None and waiting:
            self._save(waiting, own, version)
        self._version = version

    def _save(self, tensors: dict[str, Tensor], own: Path, version: str) -> None:
        path = own / f"{version}-{len(self._paths)}.safetensors"
        try:
            save_file(tensors, path)
        except OSError as error:
            raise self._refused(error) from error
        self._paths.append(str(path))

    def _emptied(self, group: ServerGroup) -> Path:
        """The run's own folder within the shared one, without files; a run that is resumed finds its own again."""
        self._id = self._id or uuid.uuid4().hex  # here, since an engine copies what it is given
        own = Path(self.folder) / f"p2o-weights-{hashlib.sha256(' '.join(group.urls).encode()).hexdigest()[:16]}"
        try:
            shutil.rmtree(own, ignore_errors=True)
            own.mkdir(mode=0o700, parents=True)
            (own / OWNER).write_text(self._id, encoding="ascii")
        except OSError as error:
            raise self._refused(error) from error
        if not self._version:
            weakref.finalize(self, _remove, own, self._id)
        return own

    def _refused(self, error: OSError) -> InputError:
        return InputError(
            f"model.engine.weights.folder: expected a folder that can hold the policy's weights, {self.folder!r} "
            f"cannot: {error}. Name another one that the servers see as well."
        )


def _remove(folder: Path, owner: str) -> None:
    """Removes the folder, unless another one has taken it over."""
    with suppress(OSError):
        if (folder / OWNER).read_text(encoding="ascii") == owner:
            shutil.rmtree(folder, ignore_errors=True)
