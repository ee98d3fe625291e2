"""What p2o adds to a vLLM server: `--worker-extension-cls p2o.engines.vllm.servers.worker.ServedPolicy`.

vLLM imports this module in each worker before it makes a weight-transfer engine, so that the backend is known by then.
Imports vLLM: only servers import it.
"""

import json
from dataclasses import dataclass
from typing import Any

from safetensors import safe_open
from vllm.config import VllmConfig
from vllm.distributed.weight_transfer import WeightTransferEngineFactory
from vllm.distributed.weight_transfer.base import WeightTransferUpdateInfo

from p2o.engines.vllm.servers.transport import FILES
from p2o.engines.vllm.transfer import CheckpointTransfer


@dataclass
class WeightFiles(WeightTransferUpdateInfo):
    """Safetensors files with all parameters, by the names that they have in a checkpoint."""

    paths: list[str]


class FileTransfer(CheckpointTransfer[WeightFiles]):
    """Loads weights from files on a disk or in a memory that the trainer shares with the server."""

    update_info_cls = WeightFiles

    def receive_weights(self, update_info: WeightFiles) -> None:
        """Loads the files, a parameter at a time."""
        for path in update_info.paths:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():
                    self.load(name, file.get_tensor(name))


class ServedPolicy:
    """Methods that vLLM's worker gets, for `/collective_rpc`."""

    vllm_config: VllmConfig

    def p2o_settings(self) -> dict[str, Any]:
        """How the server was started, as far as rollouts depend on it; `/server_info` takes half a minute for it."""
        model, transfer = self.vllm_config.model_config, self.vllm_config.weight_transfer_config
        return {
            "--dtype": str(model.dtype).removeprefix("torch."),
            "--quantization": model.quantization,
            "--logprobs-mode": model.logprobs_mode,
            "--weight-transfer-config": transfer and transfer.backend,
            "--max-model-len": model.max_model_len,
            "--skip-tokenizer-init": model.skip_tokenizer_init,
            "config": json.loads(model.hf_config.to_json_string(use_diff=False)),
        }


WeightTransferEngineFactory.register_engine(FILES, FileTransfer)
