"""Rollouts with vLLM, in the process and on the device that train the policy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers import PreTrainedModel

from p2o.distributed.preemption import uninterrupted
from p2o.engines.base import RolloutEngine, SamplingParams
from p2o.engines.generation_settings import eos_token_ids
from p2o.engines.transformers import check_window
from p2o.engines.vllm.start import start_vllm
from p2o.engines.vllm.tensor_group import TensorGroup
from p2o.engines.weight_sync import full_tensors, must_transfer, weights_fingerprint, without_autocast
from p2o.errors import InputError
from p2o.logprobs.rope import settled_window, window_of
from p2o.progress import task
from p2o.types import Completion, Prompt

if TYPE_CHECKING:
    from vllm import LLM, RequestOutput


class VLLMEngine(RolloutEngine):
    """Samples with vLLM, which starts at the first rollout and sleeps while the policy trains (pip install p2o[vllm]).

    Each call wakes it, transfers the policy's weights if they changed since the last transfer, samples, and puts it to
    sleep. The K rollouts of a question share one prefill, and so do questions under one template.

    There is one model in vLLM, whichever policy is asked for: that before training is read from its files for Self-Ref
    and the policy transferred back for the next rollouts: two transfers for each reflection, and no second engine.

    Args:
        dtype: Of weights and cache in vLLM; the policy keeps its own. CPUs without bfloat16 need float32.
        gpu_memory_utilization: Share of the device's memory that vLLM may take while it is awake, from what training
            leaves.
        max_model_len: Tokens of a prompt and its completion at most; 0: the model's window. What is not needed costs
            memory.
        sleep_level: 2 gives all memory back; weights are transferred anew at every call, on the device. 1 keeps the
            weights in the host's memory. 0 stays awake. CPUs know no sleep.
        tensor_parallel_size: Processes, one device each, that hold vLLM's model together; divides those of the run.
            Above 1 it takes another reflector than the policy itself, which reflects on one process.
        engine_args: Further arguments of `vllm.LLM`, such as `enforce_eager: true`. They override what p2o sets beside
            the arguments above; one that says such an argument again is refused.
    """

    def __init__(
        self,
        dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16",
        gpu_memory_utilization: float = 0.4,
        max_model_len: int = 0,
        sleep_level: Literal[0, 1, 2] = 2,
        tensor_parallel_size: int = 1,
        engine_args: dict[str, Any] | None = None,
    ) -> None:
        if not 0 < gpu_memory_utilization < 1 or max_model_len < 0:
            raise InputError(
                "VLLMEngine: expected 0 < gpu_memory_utilization < 1 and max_model_len >= 0, got "
                f"{gpu_memory_utilization} and {max_model_len}."
            )
        self.sleep_level = sleep_level if torch.cuda.is_available() else 0
        self.room = max_model_len
        self.arguments: dict[str, Any] = {
            "dtype": dtype,
            "gpu_memory_utilization": gpu_memory_utilization,
            "max_model_len": max_model_len or None,
            "enable_sleep_mode": self.sleep_level > 0,
            "tensor_parallel_size": tensor_parallel_size,
        }
        for name in sorted(self.arguments.keys() & (engine_args or {})):
            said = "sleep_level" if name == "enable_sleep_mode" else name
            raise InputError(
                f"VLLMEngine: expected engine.{said} to be said once, engine.engine_args.{name} says it again. Take it "
                f"out of engine_args, and set engine.{said}."
            )
        self.arguments |= engine_args or {}
        self.processes = tensor_parallel_size
        self.dtype = _dtype(self.arguments["dtype"])
        self._group = TensorGroup(tensor_parallel_size)
        self._llm: LLM | None = None
        self._asleep = False
        self._weights: tuple[float, ...] = ()  # fingerprint of those in vLLM; it starts with none

    def generate(
        self, policy: PreTrainedModel, prompts: Sequence[Prompt], sampling: SamplingParams, title: str
    ) -> list[Completion]:
        """One completion for each prompt, in order; see `RolloutEngine.generate`."""
        check_window(policy, prompts, sampling)
        self._check_length(prompts, sampling)
        eos = eos_token_ids(policy)
        everyones, own = self._group.share(prompts)
        with without_autocast(policy):  # the trainer's mixed precision is not for vLLM
            self._llm = llm = self._llm or start_vllm(policy, self._arguments_for(policy))
            with uninterrupted():  # all processes of a policy in shards gather it
                self._wake(llm, policy)
            completions = _sample(llm, everyones, sampling, eos, title)
            self._sleep(llm)
        return completions[own]

    def _arguments_for(self, policy: PreTrainedModel) -> dict[str, Any]:
        """With LongRoPE vLLM chooses the frequencies of all rows by `max_model_len`: it must choose the policy's."""
        first, window = window_of(policy.config, longest=1), settled_window(policy)
        asked = self.arguments["max_model_len"]
        if first == window_of(policy.config):
            return self.arguments
        if asked is not None and (asked > first) != (window > first):
            raise InputError(
                f"engine.max_model_len: expected {'more than' if window > first else 'at most'} {first}, got {asked}. "
                "The policy's rotary frequencies change there (LongRoPE), and vLLM takes those of max_model_len for "
                "all rows, the trainer those of model.max_prompt_length and model.max_completion_length together."
            )
        return self.arguments | {"max_model_len": asked or window}

    def _check_length(self, prompts: Sequence[Prompt], sampling: SamplingParams) -> None:
        longest = max((len(prompt.ids) for prompt in prompts), default=0)
        if self.room and longest + sampling.max_completion_length > self.room:
            raise InputError(
                f"A prompt of {longest} tokens and a completion of up to {sampling.max_completion_length} exceed "
                f"engine.max_model_len of {self.room}. Raise it, or shorten them."
            )

    def _wake(self, llm: "LLM", policy: PreTrainedModel) -> None:
        """Weights have their memory first: the cache takes its own when they are in place."""
        if self._asleep:
            torch.cuda.empty_cache()  # what training holds in reserve is not free for vLLM
            llm.wake_up(tags=["weights"])
        weights = weights_fingerprint(policy)
        if must_transfer(policy, weights != self._weights):
            _transfer(llm, policy)
            self._weights = weights
        if self._asleep:
            llm.wake_up(tags=["kv_cache"])
            self._asleep = False

    def _sleep(self, llm: "LLM") -> None:
        if self.sleep_level > 0:
            llm.sleep(level=self.sleep_level)
            self._asleep = True
        if self.sleep_level == 2:
            self._weights = ()


def _dtype(name: str) -> torch.dtype:
    """The type that vLLM's argument names; it has several names for some."""
    return {"half": torch.float16, "float": torch.float32}.get(name) or getattr(torch, name)


def _transfer(llm: "LLM", policy: PreTrainedModel) -> None:
    """Parameter by parameter; what the prefix cache holds was computed with the old ones."""
    llm.start_weight_update()
    for name, value in full_tensors(policy):
        llm.update_weights({"update_info": {"name": name, "value": value}})
    llm.finish_weight_update()
    llm.reset_prefix_cache()


def _sample(
    llm: "LLM", prompts: Sequence[Prompt], sampling: SamplingParams, eos: list[int], title: str
) -> list[Completion]:
    from vllm import SamplingParams

    settings = [
        SamplingParams(
            temperature=sampling.temperature,
            seed=prompt.seed,
            max_tokens=sampling.max_completion_length,
            ignore_eos=True,  # of vLLM's own config: the policy's are these
            stop_token_ids=eos,
            logprobs=0,  # of the sampled token alone
            detokenize=False,
        )
        for prompt in prompts
    ]
    inputs = [{"prompt_token_ids": list(prompt.ids)} for prompt in prompts]
    if inputs:
        llm.enqueue(inputs, settings, use_tqdm=False)
    finished: list[RequestOutput] = []
    with task(title, len(prompts), "rollout") as sampled:
        while llm.llm_engine.has_unfinished_requests():
            done = [output for output in llm.llm_engine.step() if output.finished]
            finished += done
            sampled.advance(len(done))
    return [_completion(request, eos) for request in sorted(finished, key=lambda request: int(request.request_id))]


def _completion(request: "RequestOutput", eos: Sequence[int]) -> Completion:
    output = request.outputs[0]
    ids = tuple(output.token_ids)
    logps = tuple(position[token].logprob for token, position in zip(ids, output.logprobs, strict=True))
    return Completion(ids, truncated=ids[-1] not in eos, logps=logps)
