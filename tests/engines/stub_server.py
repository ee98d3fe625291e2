"""A stub of a vLLM server: real HTTP on loopback and vLLM's interface, but tokens of a hash, and faults as told."""

import asyncio
import hashlib
import threading
from contextlib import contextmanager

from aiohttp import web

from p2o.engines.vllm.servers.compatibility import ROUTES


class StubServer:
    """Answers as vLLM 0.32 does; `faults` are taken one by one by requests for completions."""

    def __init__(self):
        self.version, self.window, self.updates, self.faults = "default", 512, [], []
        self.asked = []  # token ids of each request for a completion
        self.paths = {path: {} for path in [*ROUTES, "/version", "/health"]}
        self.fail_updates = ""
        self.starting = False  # answers that it is not ready yet
        self.hangs_after = 10**9  # requests for completions, after which it answers nothing

    async def generate(self, request):
        body = await request.json()
        self.asked.append(tuple(body["token_ids"]))
        await self.hang()
        fault = self.faults.pop(0) if self.faults else ""
        await asyncio.sleep(0.01)
        if fault == "500":
            return web.json_response({"error": {"message": "out of luck"}}, status=500)
        if fault == "400":
            return web.json_response({"error": {"message": "Token id 700000 is out of vocabulary"}}, status=400)
        if fault == "reset":
            request.transport.abort()
        if fault == "restart":
            self.version = "default"
        settings = body["sampling_params"]
        ids = self.tokens(body["token_ids"], settings)
        if fault == "short":
            ids = ids[:-1]
        content = [{"token_id": token, "logprob": -0.5} for token in ids]
        choice = {"finish_reason": "abort" if fault == "abort" else "length", "token_ids": ids}
        choice["weight_versions"] = [{"version": self.version, "start": 0, "end": len(ids)}]
        return web.json_response({"choices": [choice | {"logprobs": {"content": content}}]})

    async def hang(self):
        while len(self.asked) > self.hangs_after:
            await asyncio.sleep(0.05)

    @staticmethod
    def tokens(prompt, settings):
        digest = hashlib.sha256(repr((prompt, settings["seed"])).encode()).digest()
        return [byte for byte in digest[: settings["max_tokens"]]]  # 256, the eos, is never among them

    async def update(self, request):
        name, body = request.path.strip("/"), await request.json() if request.body_exists else None
        self.updates.append(name)
        if name == self.fail_updates:
            return web.json_response({"error": {"message": "Worker failed with error 'no weights for'"}}, status=500)
        if name == "update_weight_version":
            self.version = body["new_version"]
        return web.json_response({})

    async def get(self, request):
        await self.hang()
        if self.starting:
            return web.json_response({}, status=503)
        answers = {"/weight_info": {"weight_version": self.version}, "/version": {"version": "0.31.0"}}
        answers |= {"/v1/models": {"data": [{"max_model_len": self.window}]}, "/openapi.json": {"paths": self.paths}}
        return web.json_response(answers.get(request.path, {}))

    def application(self):
        made = web.Application()
        made.router.add_post("/inference/v1/generate", self.generate)
        made.router.add_post("/{path:.*}", self.update)
        made.router.add_get("/{path:.*}", self.get)
        return made


@contextmanager
def stub_servers(count, make=StubServer):
    """So many of them, with their urls, until the `with` ends."""
    loop, stubs, urls = asyncio.new_event_loop(), [make() for _ in range(count)], []
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runners = []

    async def start(stub):
        runner = web.AppRunner(stub.application(), shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        urls.append(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}")

    def wait_for(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    try:
        for stub in stubs:
            wait_for(start(stub))
        for stub, runner in zip(stubs, runners, strict=True):
            stub.stop = lambda runner=runner: wait_for(runner.cleanup())
        yield dict(zip(urls, stubs, strict=True))
    finally:
        for runner in runners:
            wait_for(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
