"""A server on this machine that speaks as much of the Hub's protocol as a download needs."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HALF = [0.5, 0.5, 0.5]
FILES = {
    "timm/xception65.ra3_in1k": ("model.safetensors", "pytorch_model.bin", "evil.py"),
    "timm/xception41.tf_in1k": ("model.safetensors",),
    "owner/whole": ("config.json", "model.safetensors", "modeling.py", "README.md"),
    "owner/timm-like": ("config.json", "model.safetensors"),
    "owner/bare": ("model.safetensors", "model.py"),
    "owner/run": ("checkpoints/best.ckpt", "config.yaml", "run.py"),
    "owner/several": ("a.pth", "b/c.h5", "b/config.json"),
    "owner/deeplab": ("00000/model.ckpt.index", "00000/model.ckpt.data-00000-of-00001", "x.py"),
    "owner/none": ("README.md", "train.py"),
}
CONFIGS = {
    "owner/whole": {"mean": [0.1, 0.2, 0.3], "std": HALF},
    "owner/timm-like": {"pretrained_cfg": {"mean": HALF, "std": [0.2, 0.3, 0.4]}},
    "owner/several": {"classes": 3},
}


def content(repository: str, name: str) -> bytes:
    if name.endswith("config.json"):
        return json.dumps(CONFIGS[repository]).encode()
    return f"{repository} {name}".encode()


class Hub(ThreadingHTTPServer):
    """The few answers of the Hub that a download needs."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), HubAnswer)
        self.fetched: list[str] = []


class HubAnswer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self):
        self._answer(send=False)

    def do_GET(self):
        self._answer(send=True)

    def _answer(self, send):
        parts = unquote(self.path.partition("?")[0]).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._describe("/".join(parts[2:4]), parts[4:])
        elif "resolve" not in parts:
            self._reply(404, {"error": "nothing there"})
        else:
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]), send)

    def _describe(self, repository, rest):
        revision = rest[1] if len(rest) > 1 else "main"
        if repository == "owner/broken":
            self._reply(400, {"error": "broken"})
        elif repository == "owner/gated":
            self._reply(403, {"error": "gated"}, {"X-Error-Code": "GatedRepo"})
        elif repository not in FILES:
            self._reply(404, {"error": "no repository"}, {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", "v1", COMMIT):
            self._reply(404, {"error": "no revision"}, {"X-Error-Code": "RevisionNotFound"})
        elif rest[:1] == ["tree"]:
            self._reply(200, [self._entry(repository, name) for name in FILES[repository]])
        else:
            names = [{"rfilename": name} for name in FILES[repository]]
            self._reply(200, {"id": repository, "sha": COMMIT, "siblings": names})

    @staticmethod
    def _entry(repository, name):
        data = content(repository, name) if name != "README.md" else b""
        digest = hashlib.sha1(data).hexdigest()
        return {"type": "file", "path": name, "size": len(data), "oid": digest}

    def _resolve(self, repository, _revision, name, send):
        if name not in FILES.get(repository, ()):
            self._reply(404, {"error": "no file"}, {"X-Error-Code": "EntryNotFound"})
            return
        data = content(repository, name)
        if send:
            self.server.fetched.append(f"{repository}/{name}")
        etag = f'"{hashlib.sha1(data).hexdigest()}"'
        self._reply(200, data, {"ETag": etag, "X-Repo-Commit": COMMIT})

    def _reply(self, status, body: Any, fields=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**dict(fields), "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_arguments):
        pass
