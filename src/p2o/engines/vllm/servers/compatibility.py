"""Before a run: does a server hold the model that is trained, in the way that rollouts need?"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from lightning.pytorch.utilities import rank_zero_warn
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from p2o.engines.vllm.servers.server import GENERATE, Server, ServerLostError
from p2o.errors import InputError
from p2o.logprobs.rope import window_of

EXTENSION = "p2o.engines.vllm.servers.worker.ServedPolicy"
ROUTES = {
    GENERATE: "--enable-scale-out",
    "/collective_rpc": "VLLM_SERVER_DEV_MODE=1",
    "/weight_info": "VLLM_SERVER_DEV_MODE=1",
    "/update_weight_version": "VLLM_SERVER_DEV_MODE=1",
    "/finish_weight_update": "VLLM_SERVER_DEV_MODE=1",
}
"""What is asked for, and what makes a server of vLLM 0.32 offer it."""

MEANINGLESS = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache"}
"""What of a config does not change what a model computes."""

SCHEMA_SECONDS = 300.0  # vLLM makes its schema when it is first asked for, in seconds on an idle machine

PROBES = ("Compute 12 + 345.", "Größe: 1,5 m², π ≈ 3.14", " \n\t{x} \\boxed{7}", "数学问题")


async def check_server(
    server: Server,
    config: PreTrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    longest: int,
    dtype: str,
    backend: str,
) -> int:
    """Compares a server with the run, and says how it should have been started.

    Args:
        server: The server.
        config: Of the policy.
        tokenizer: Of the policy.
        longest: Tokens of a prompt and its completion together at most.
        dtype: That the engine expects.
        backend: Of weight transfer that the engine expects; "" for none.

    Returns:
        Tokens of a prompt and its completion that it takes at most.

    Raises:
        InputError: It is no vLLM, too old, or started with other settings.
        ServerLostError: It does not answer.
    """
    offered = await server.get("/openapi.json", SCHEMA_SECONDS)
    paths = offered.get("paths", {}) if isinstance(offered, dict) else {}
    if "/version" not in paths:
        raise InputError(f"{server.url}: expected a vLLM server, what answers there is another program.")
    if missing := {route: by for route, by in ROUTES.items() if route not in paths}:
        version = (await server.get("/version"))["version"]
        raise InputError(
            f"{server.url}: expected vLLM 0.32 or newer with {', '.join(dict.fromkeys(missing.values()))}, got vLLM "
            f"{version} without {', '.join(missing)}. Start it by the command that `p2o serve` prints for the config."
        )
    settings = await _settings(server)
    _check_settings(server.url, settings, dtype, backend)
    _check_lengths(server.url, settings["--max-model-len"], config, longest)
    _check_model(server.url, settings["config"], config)
    if not settings["--skip-tokenizer-init"]:
        await _check_tokenizer(server, tokenizer)
    _warn_if_public(server.url)
    return int(settings["--max-model-len"])


async def _settings(server: Server) -> dict[str, Any]:
    try:
        [settings, *_] = (await server.call("/collective_rpc", {"method": "p2o_settings"}))["results"]
    except ServerLostError as error:
        if "p2o_settings" not in str(error):
            raise
        raise InputError(
            f"{server.url}: expected the server to be started with --worker-extension-cls {EXTENSION}. `p2o serve` "
            "prints the command for the config."
        ) from error
    found: dict[str, Any] = settings
    return found


def _check_settings(url: str, settings: dict[str, Any], dtype: str, backend: str) -> None:
    expected = {"--dtype": dtype, "--quantization": None, "--logprobs-mode": "processed_logprobs"}
    if backend:
        expected["--weight-transfer-config"] = backend
    wrong = [f"{name} {want} (got {settings[name]})" for name, want in expected.items() if want != settings[name]]
    if wrong:
        raise InputError(
            f"{url}: expected the server to be started with {', '.join(wrong)}. `p2o serve` prints the command for the "
            "config."
        )


def _check_lengths(url: str, window: int, config: PreTrainedConfig, longest: int) -> None:
    if window < longest:
        raise InputError(
            f"{url}: expected room for model.max_prompt_length and model.max_completion_length, {longest} tokens "
            f"together, got --max-model-len {window}. Start it with more, or lower them."
        )
    switch = window_of(config, longest=1)  # below the whole window: LongRoPE, whose frequencies change there
    if switch != window_of(config) and (window > switch) != (window_of(config, longest) > switch):
        raise InputError(
            f"{url}: expected --max-model-len {'above' if window <= switch else 'of at most'} {switch}, got {window}. "
            "The policy's rotary frequencies change there (LongRoPE), and vLLM takes those of max_model_len for all "
            "rows, the trainer those of model.max_prompt_length and model.max_completion_length together."
        )


def _check_model(url: str, served: dict[str, Any], config: PreTrainedConfig) -> None:
    own = config.to_dict()
    names = sorted((own.keys() & served.keys()) - MEANINGLESS)
    wrong = [f"{name} {own[name]!r} (got {served[name]!r})" for name in names if _plain(own[name]) != served[name]]
    if wrong:
        raise InputError(
            f"{url}: expected a server of the model that is trained, its config says otherwise: {', '.join(wrong)}. "
            "Start it with the run's model.model."
        )


def _plain(value: Any) -> Any:  # noqa: ANN401 (any value of a config)
    """As JSON gives it back."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


async def _check_tokenizer(server: Server, tokenizer: PreTrainedTokenizerBase) -> None:
    for text in PROBES:
        body = {"prompt": text, "add_special_tokens": False}
        found = (await server.call("/tokenize", body))["tokens"]
        expected = tokenizer.encode(text, add_special_tokens=False)
        if found != expected:
            raise InputError(
                f"{server.url}: expected the tokenizer of the policy, which makes {expected} of {text!r}; the server's "
                f"makes {found}. Start it with the run's model.model, without --tokenizer."
            )


def _warn_if_public(url: str) -> None:
    try:
        public = ipaddress.ip_address(urlsplit(url).hostname or "").is_global
    except ValueError:  # a name, which is the cluster's to look up
        return
    if public:
        rank_zero_warn(
            f"{url} is a public address, and vLLM's development endpoints, which change weights and call methods, ask "
            "for no key. Bind the server to an address of the cluster's own network."
        )
