"""Starts vLLM in this process, with the architecture of a policy and no weights yet."""

import os
import warnings
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch.distributed
from lightning.pytorch.utilities.seed import isolate_rng
from transformers import PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from p2o.engines.vllm.config_folder import config_folder
from p2o.engines.vllm.own_device import own_device
from p2o.errors import InputError

if TYPE_CHECKING:
    from vllm import LLM


def start_vllm(policy: PreTrainedModel, arguments: dict[str, Any]) -> "LLM":
    """An engine for models of the policy's architecture, with random weights until the first transfer.

    vLLM reads a folder. It is given one with the policy's own config and nothing else: no hub is asked and no weights
    are read again, whether the policy came by name, by folder or with p2o, and there is no tokenizer to disagree with.

    Raises:
        InputError: vLLM is not installed, or would take another device than this process, or others could write to
            the folder.
    """
    # Read when vLLM starts. The engine core in this process can be handed tensors as they are.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")  # else pages of INFO, and a traceback for want of a tokenizer
    try:
        from vllm import LLM
        from vllm.config import WeightTransferConfig

        from p2o.engines.vllm.transfer import BACKEND
    except ImportError as error:
        raise InputError(
            f"VLLMEngine: expected vLLM to be installed, importing it failed: {error}. Install p2o[vllm], or use "
            "TransformersEngine."
        ) from error
    if not torch.distributed.is_initialized():  # vLLM does it, for one process; Lightning would advise on many
        warnings.filterwarnings("ignore", message=r"It is recommended to use `self\.log")
    with own_device() as processes, isolate_rng():  # vLLM seeds every generator
        return LLM(
            **{
                "model": str(config_folder(_config_of(policy))),
                "load_format": "dummy",
                "skip_tokenizer_init": True,
                "generation_config": "vllm",  # sampling is as the caller says, and not bent by defaults of the model
                "logprobs_mode": "processed_logprobs",  # of the sampling distribution
                "enable_prefix_caching": True,
                "weight_transfer_config": WeightTransferConfig(backend=BACKEND),
                **processes,
                **arguments,
            }
        )


def _config_of(policy: PreTrainedModel) -> Any:  # noqa: ANN401 (a config of any model)
    """The config with the architecture's name, which a model that was not loaded from a folder lacks."""
    config = deepcopy(policy.config)
    config.architectures = config.architectures or [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[config.model_type]]
    return config
