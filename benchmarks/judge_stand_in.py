"""A stand-in for a model that judges failures on the skills: `python benchmarks/judge_stand_in.py`, until stopped.

It speaks OpenAI's chat completions on 127.0.0.1 (port 8031, or the one given), and knows the truth: it reads task and
response out of a prompt of `FailureJudge` and says by `read_process` whether the response answered at once (NO_PLAN),
followed another family's procedure (WRONG_METHOD), or slipped within its own (SLIP). `studies/skills_judge.yaml` asks
it.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from p2o.worlds.bundled import INSTRUCTION
from p2o.worlds.skills import Process, read_process
from p2o.worlds.skills.families import read_task

KINDS = {Process.DIRECT: "NO_PLAN", Process.FOREIGN: "WRONG_METHOD", Process.SLIP: "SLIP"}
PARTS = re.compile(r"# Task\n(.*?)\n\n# Response\n(.*?)\n\n# Feedback\n", re.DOTALL)


def verdict(prompt: str) -> str:
    """The kind of the failure that a prompt describes, and a reply without one if it is no failure of the skills."""
    found = PARTS.search(prompt)
    task = read_task(found[1].removeprefix(INSTRUCTION.strip()).strip()) if found else None
    return KINDS.get(read_process(task, found[2]).process, "none") if found and task else "none"


class Judge(BaseHTTPRequestHandler):
    """Answers chat completions."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """One completion, whatever the path."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", "content": verdict(asked["messages"][-1]["content"])}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 0, "completion_tokens": 1, "total_tokens": 1}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "stand-in", "usage": usage}
        body = json.dumps({**reply, "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of each request."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8031), Judge).serve_forever()
