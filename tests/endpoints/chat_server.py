"""A real HTTP server on loopback that speaks chat completions and misbehaves as it is told."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-very-secret-0123456789"
REPLY = "```\nGo step by step.\n```"
DROP = "drop"  # breaks the connection within the body
DRIP = "drip"  # sends a byte now and then and never ends
QUOTE_KEY = "quote"  # tells the key in its reply


def completion(content=REPLY, finish_reason="stop", usage=None, **message):
    choice = {
        "index": 0,
        "finish_reason": finish_reason,
        "message": {"role": "assistant", "content": content} | message,
    }
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def status(code, message="no", **headers):
    return code, json.dumps({"error": {"message": message}}).encode(), headers


def echo(body):
    """Proposes the first word of the prompt."""
    return completion("```\n" + body["messages"][0]["content"].split()[0] + "\n```")


class ChatServer(ThreadingHTTPServer):
    """`script` has an answer for each request, the last one repeats.

    An answer is bytes, (status, bytes, headers), DROP, DRIP, QUOTE_KEY, or a function of the request's body that gives
    one of them. `seconds` is how long each takes.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.script = [completion()]
        self.requests = []  # path, headers, body, time
        self.active = self.most_active = 0
        self.seconds = 0.0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with server.lock:
            server.requests.append((self.path, self.headers, body, time.monotonic()))
            answer = server.script[min(len(server.requests), len(server.script)) - 1]
            server.active += 1
            server.most_active = max(server.most_active, server.active)
        time.sleep(server.seconds)
        with server.lock:
            server.active -= 1
        self.give(answer(body) if callable(answer) else answer)

    def give(self, answer):
        if answer == DROP:
            self.send(200, b'{"id', {"content-length": "1000"})
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        elif answer == DRIP:
            self.send(200, b"{", {"content-length": "1000000"})
            for _ in range(100):
                time.sleep(0.05)
                self.wfile.write(b" ")
        elif answer == QUOTE_KEY:
            key = self.headers["Authorization"].removeprefix("Bearer ")
            self.send(200, completion(f"```\nSay {key}.\n```"), {})
        else:
            self.send(*((200, answer, {}) if isinstance(answer, bytes) else answer))

    def send(self, code, body, headers):
        self.send_response(code)
        for name, value in ({"content-type": "application/json", "content-length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
