"""A web server on this machine that cuts, refuses and delays as a test asks it to."""

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = random.Random(0).randbytes(300_000)


class Web(ThreadingHTTPServer):
    """Serves CONTENT at any path, in the way that a test sets up; remembers what was asked."""

    daemon_threads = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str | None] = []  # the Range of each request
        self.statuses: list[int] = []  # answered first, one a request
        self.cuts: list[int] = []  # bytes sent before the connection closes, one a request
        self.ranges = True
        self.range_shift = 0
        self.redirect: str | None = None
        self.content = CONTENT
        self.pause_s = 0.0
        self.held = threading.Event()  # set: nobody is kept waiting after half of the file
        self.held.set()

    def url(self, name: str = "encoder.safetensors") -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Answer(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self):
        web = self.server
        web.asked.append(self.headers["Range"])
        if web.redirect:
            self._head(302, Location=web.redirect)
        elif web.statuses:
            self._head(web.statuses.pop(0))
        else:
            self._send(web)

    def _send(self, web):
        start = re.match(r"bytes=(\d+)-", self.headers["Range"] or "") if web.ranges else None
        offset = int(start[1]) if start else 0
        if start and offset >= len(web.content):
            self._head(416)
            return
        body = web.content[offset + web.range_shift if start else offset :]
        fields = {"Content-Length": str(len(body))}
        if start:
            span = f"bytes {offset + web.range_shift}-{len(web.content) - 1}/{len(web.content)}"
            fields["Content-Range"] = span
        self._head(206 if start else 200, **fields)
        body = body[: web.cuts.pop(0)] if web.cuts else body
        self.wfile.write(body[: len(body) // 2])
        time.sleep(web.pause_s)
        web.held.wait(20)
        self.wfile.write(body[len(body) // 2 :])

    def _head(self, status, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_arguments):
        pass


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[str]:
    """Answers in a thread of its own; gives the server's address."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
