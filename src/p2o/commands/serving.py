"""The commands that start the vLLM servers of a config."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from p2o.engines import VLLMServers
from p2o.engines.vllm.servers.compatibility import EXTENSION
from p2o.logprobs import window_of
from p2o.policy.loading import load_config, locate

DEVELOPMENT = {"VLLM_SERVER_DEV_MODE": "1"}  # weights are sent by vLLM's development endpoints


@dataclass(frozen=True)
class ServerCommand:
    """How a server is started.

    Args:
        url: Under which the run will ask for it.
        environment: What is set for it.
        words: Of `vllm serve`, from the model on.
    """

    url: str
    environment: dict[str, str]
    words: tuple[str, ...]

    def __str__(self) -> str:
        """As a line for a shell."""
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        return shlex.join([*settings, "vllm", "serve", *self.words])


def server_commands(
    model: str,
    engine: VLLMServers,
    longest: int,
    gpus: int = 0,
    further: Sequence[str] = (),
    taken: Counter[str] | None = None,
) -> list[ServerCommand]:
    """The command of each server of an engine, bound to the address that its url names.

    Args:
        model: That is trained.
        engine: With the urls.
        longest: Tokens of a prompt and its completion at most.
        gpus: Of each server, counted from the first GPU of its node on; 0 leaves the choice to vLLM.
        further: Words for `vllm serve`, such as `--enforce-eager`.
        taken: GPUs of each node that servers of other engines have, to which those of this one are added.
    """
    config = load_config(model)
    window = window_of(config, longest)
    words = [locate(model), "--dtype", str(engine.dtype).removeprefix("torch."), "--max-model-len", str(window)]
    words += ["--logprobs-mode", "processed_logprobs", "--enable-scale-out", "--worker-extension-cls", EXTENSION]
    if engine.weights.backend:  # the run sends its weights before the first token: none need to be read
        words += ["--weight-transfer-config", f'{{"backend": "{engine.weights.backend}"}}', "--load-format", "dummy"]
    if gpus > 1:
        words += ["--tensor-parallel-size", str(gpus)]
    commands, taken = list[ServerCommand](), Counter() if taken is None else taken
    for url in engine.group.urls:
        parts = urlsplit(url)
        node = parts.hostname or ""
        own = range(taken[node], taken[node] + gpus)
        taken[node] += gpus
        devices = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, own))} if gpus else {}
        place = ("--host", parts.hostname or "", "--port", str(parts.port or 80))
        commands.append(ServerCommand(url, DEVELOPMENT | devices, (*words, *place, *further)))
    return commands
