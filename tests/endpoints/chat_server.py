"""A real HTTP server on loopback that speaks chat completions and misbehaves as it is told."""

import json
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KEY = "sk-very-secret-0123456789"
CERTIFICATE = Path(__file__).with_name("untrusted.pem")
REPLY = "```\nGo step by step.\n```"
DROP = "drop"  # ends the connection within the body
RESET = "reset"  # breaks it off there: what is under way is lost (RST)
DRIP = "drip"  # sends a byte now and then and never ends
FLOOD = "flood"  # sends as fast as it can and never ends
FLOOD_OF_HEADERS = "flood of headers"
NO_HTTP = "no http"  # speaks something else
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


def flood_of_errors(code):
    return code, FLOOD, {}


class ChatServer(ThreadingHTTPServer):
    """`script` has an answer for each request, the last one repeats.

    An answer is bytes, (status, bytes, headers), DROP, DRIP, QUOTE_KEY, or a function of the request's body that gives
    one of them. `seconds` is how long each takes. `models` answers each request for the list of models. With `tls` it
    speaks https, under a certificate that nobody trusts.
    """

    daemon_threads = True

    def __init__(self, tls=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "https" if tls else "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            # The handshake is for the thread of the request: a client that breaks it off must not end the server.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.lock = threading.Lock()
        self.script = [completion()]
        self.requests = []  # path, headers, body, time
        self.models = status(404)
        self.listed = 0  # requests for the list of models
        self.active = self.most_active = 0
        self.seconds = 0.0

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_port}/v1"

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

    def do_GET(self):
        assert self.path == "/v1/models"
        with self.server.lock:
            self.server.listed += 1
        self.give(self.server.models)

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
        elif answer == RESET:
            self.send(200, b'{"id', {"content-length": "1000"})
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif answer == FLOOD:
            self.give((200, FLOOD, {}))
        elif answer == FLOOD_OF_HEADERS:
            self.send_response(200)
            self.end_headers = lambda: None
            for number in range(10**6):
                self.send_header(f"x-{number}", "x" * 1000)
                self.flush_headers()
        elif answer == NO_HTTP:
            self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
            self.close_connection = True
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
        if body == FLOOD:
            self.send(code, b"{", headers | {"content-length": str(1 << 40)})
            while True:
                self.wfile.write(b" " * (1 << 20))
        self.send_response(code)
        for name, value in ({"content-type": "application/json", "content-length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
