"""A stand-in for vLLM that has a real policy: it takes the weights that are sent to it, and samples from them.

Real HTTP on loopback and vLLM's interface, as far as `VLLMServers` uses it. A pause aborts what is under way.
"""

import asyncio
import json
import threading
import time
from contextlib import ExitStack

import torch
from aiohttp import web
from safetensors import safe_open
from stub_server import StubServer, stub_servers

from p2o.engines.base import SamplingParams
from p2o.engines.canary import TOKENS
from p2o.engines.continuous_batching import decode
from p2o.engines.generation_settings import eos_token_ids
from p2o.policy.loading import BUNDLED, load_policy
from p2o.types import Prompt


class PolicyServer(StubServer):
    def __init__(self):
        super().__init__()
        self.window, self.policy, self.turn = 512, load_policy(BUNDLED), threading.Lock()
        self.requests = []  # token ids, seed, tokens at most, and the weights, of each
        self.pauses = self.aborted = 0
        self.delay = lambda ids: 0.0  # seconds, by the prompt
        self.refuses = lambda request: False

    async def generate(self, request):
        body = await request.json()
        settings, paused = body["sampling_params"], self.pauses
        asked = (tuple(body["token_ids"]), settings["seed"], settings["max_tokens"], self.version)
        self.requests.append(asked)
        if self.refuses(asked):
            return web.json_response({"error": {"message": "Token id 700000 is out of vocabulary"}}, status=400)
        completion = await asyncio.to_thread(self.sample, asked, settings["temperature"])
        if self.pauses > paused:
            self.aborted += 1
        content = [{"token_id": token, "logprob": logp} for token, logp in zip(*completion, strict=True)]
        choice = {"finish_reason": "abort" if self.pauses > paused else "stop", "token_ids": completion[0]}
        choice["weight_versions"] = [{"version": asked[3], "start": 0, "end": len(content)}]
        return web.json_response({"choices": [choice | {"logprobs": {"content": content}}]})

    def sample(self, asked, temperature):
        ids, seed, length, _ = asked
        time.sleep(self.delay(ids))
        with self.turn:
            sampling, eos = SamplingParams(temperature, length), eos_token_ids(self.policy)
            [(_, completion)] = decode(self.policy, [Prompt(ids, seed)], sampling, 1, eos)
        return completion.ids, completion.logps

    async def update(self, request):
        name, body = request.path.strip("/"), await request.json() if request.body_exists else None
        if name == "collective_rpc":
            config = json.loads(self.policy.config.to_json_string(use_diff=False))
            settings = {"--dtype": "float32", "--quantization": None, "--logprobs-mode": "processed_logprobs"}
            settings |= {"--weight-transfer-config": "p2o_files", "--max-model-len": self.window, "config": config}
            return web.json_response({"results": [settings | {"--skip-tokenizer-init": True}]})
        self.pauses += name == "pause"
        if name == "update_weights":
            await asyncio.to_thread(self.load, body["update_info"]["paths"])
        return await super().update(request)

    @torch.no_grad()
    def load(self, paths):
        parameters = dict(self.policy.named_parameters())
        with self.turn, ExitStack() as files:
            for file in [files.enter_context(safe_open(path, framework="pt")) for path in paths]:
                for name in file.keys():
                    parameters.pop(name).copy_(file.get_tensor(name))
        assert not parameters

    def rollouts(self):
        """Prompt and seed of each training rollout; the checks before training and the canary have fewer tokens."""
        return [(ids, seed) for ids, seed, length, _ in self.requests if length > TOKENS]


def policy_servers(count=1):
    """So many of them, with their urls, until the `with` ends."""
    return stub_servers(count, PolicyServer)


def served_by(servers, folder, **further):
    """The options of a run that samples there and corrects for it."""
    arguments = {"urls": list(servers), "dtype": "float32", "weights": {"class_path": "SharedFolder"}} | further
    arguments["weights"]["init_args"] = {"folder": str(folder)}
    engine = {"class_path": "VLLMServers", "init_args": arguments}
    return [f"--model.engine={json.dumps(engine)}", "--model.correction=TruncatedImportance"]
