"""From safetensors files straight into shards: each process reads the parts that it keeps."""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from transformers import PreTrainedModel

from p2o.errors import InputError
from p2o.logprobs.adapters import base_name
from p2o.policy.checkpoints.shards import read_shards

WEIGHTS = "model*.safetensors"
FILES = [WEIGHTS, "*.json"]  # what transformers loads, and not what other programs left beside it


def weight_folder(name: str, policy: PreTrainedModel) -> Path | None:
    """The folder of safetensors files that hold all values of a policy under the names that it has for them.

    None if there is none: weights in another format, or which transformers renames, joins or splits as it loads them.

    Args:
        name: A folder, or a name on the hub, whose files are downloaded once.
        policy: The policy, or an outline of it.
    """
    folder = Path(name)
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(name, allow_patterns=FILES))
        except (HfHubHTTPError, LocalEntryNotFoundError):
            return None
    if not list(folder.glob(WEIGHTS)):
        return None
    try:
        found = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    except SafetensorError:  # damaged: transformers says so
        return None
    for key, value in _values(policy).items():
        if key not in found or tuple(getattr(found[key], "size", ())) != tuple(value.shape):
            return None
    return folder


def read_into(policy: PreTrainedModel, folder: Path) -> None:
    """Gives a policy, sharded or not, the values in a folder; they take the dtype of the policy.

    Raises:
        InputError: A file is damaged.
    """
    try:
        read_shards(folder, _values(policy))
    except (SafetensorError, OSError, CheckpointException) as error:
        reason = str(error).strip().rpartition("\n")[2]
        raise InputError(f"model.model: the weights in {folder} could not be read. The reason: {reason}") from error


def _values(policy: PreTrainedModel) -> dict[str, Tensor]:
    """What the files hold of a policy: no adapters, and of weights that are tied the first."""
    values: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, value in policy.state_dict(keep_vars=True).items():
        if ".lora_" not in name and id(value) not in seen:
            seen.add(id(value))
            values[base_name(name)] = value
    return values
