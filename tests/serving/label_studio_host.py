"""A server that plays the files of Label Studio, with its tokens and what one must not follow."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LEGACY = "5f2a1d7c"


def personal_token(kind: str) -> str:
    """A token as JSON web tokens are written; nobody checks its signature here."""
    claims = json.dumps({"token_type": kind, "exp": 4102444800}).encode()
    middle = base64.urlsafe_b64encode(claims).decode().rstrip("=")
    return f"e30.{middle}.signature-of-{kind}"


class FileHost(ThreadingHTTPServer):
    """Serves `files` below a path to those who know a token.

    Attributes:
        files: content by path.
        redirects: location by path.
        asked: method, path and authorization of each request.
    """

    daemon_threads = True

    def __init__(self, path: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path = path
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[tuple[str, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{self.path}"


class _Handler(BaseHTTPRequestHandler):
    server: FileHost

    def do_GET(self) -> None:
        authorization = self._note()
        known = (f"Token {LEGACY}", f"Bearer {personal_token('access')}")
        if self.path in self.server.redirects:
            self._answer(302, b"", Location=self.server.redirects[self.path])
        elif authorization not in known:
            self._answer(401, b"")
        elif self.path in self.server.files:
            self._answer(200, self.server.files[self.path])
        else:
            self._answer(404, b"")

    def do_POST(self) -> None:
        self._note()
        body: Any = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_known = body == {"refresh": personal_token("refresh")}
        access = {"access": personal_token("access")} if is_known else {}
        self._answer(200 if is_known else 401, json.dumps(access).encode())

    def log_message(self, *_: object) -> None:
        pass

    def _note(self) -> str:
        authorization = self.headers.get("Authorization", "")
        self.server.asked.append((self.command, self.path, authorization))
        return authorization

    def _answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def file_host(path: str = "") -> Iterator[FileHost]:
    """A host on a free port; `path` is where its Label Studio begins."""
    with FileHost(path) as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield host
        finally:
            host.shutdown()
            thread.join()
