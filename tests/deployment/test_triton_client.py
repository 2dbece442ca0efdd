"""The documented client: what it sends to a server that runs a real export, and what it writes."""

import ast
import json
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageOps

from seg.deployment.metadata import card_path
from tests.conftest import REPO

pytest.importorskip("tritonclient.http")
CLIENT = REPO / "docs" / "clients" / "triton_client.py"
HEADER = "Inference-Header-Content-Length"


@contextmanager
def serving(path, *, channels_first):
    """A server of the protocol with the binary extension; in batches with channels first, or not.

    Yields its address and the shapes that it was sent.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shapes = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            shape = [-1, 3, -1, -1] if channels_first else [-1, -1, 3]
            self.answer(
                json.dumps(
                    {
                        "name": "streets",
                        "inputs": [
                            {"name": "encoded", "datatype": "BYTES", "shape": [1]},
                            {"name": "image", "datatype": "UINT8", "shape": shape},
                        ],
                        "outputs": [{"name": "labels", "datatype": "UINT8", "shape": shape[-2:]}],
                    }
                ).encode()
            )

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            start = int(self.headers[HEADER])
            (tensor,) = json.loads(body[:start])["inputs"]
            shapes.append(tuple(tensor["shape"]))
            image = np.frombuffer(body[start:], np.uint8).reshape(tensor["shape"])
            if not channels_first:
                image = image.transpose(2, 0, 1)[None]
            (label,) = session.run(None, {"image": image})
            label = label if channels_first else label[0]
            output = {
                "name": "labels",
                "datatype": "UINT8",
                "shape": label.shape,
                "parameters": {"binary_data_size": label.nbytes},
            }
            head = json.dumps({"model_name": "streets", "outputs": [output]}).encode()
            self.answer(head + label.tobytes(), header=len(head))

        def answer(self, content, header=None):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            if header is not None:
                self.send_header(HEADER, str(header))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", shapes
        server.shutdown()
        thread.join()


def client(url, *words, cwd):
    line = [sys.executable, str(CLIENT), "--url", url, "--model", "streets", *map(str, words)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def photos(tmp_path):
    """An image that its EXIF data turn, and a large one."""
    random = np.random.default_rng(0)
    noise = Image.fromarray(random.integers(0, 256, (9, 14, 3), np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    noise.resize((97, 65), Image.Resampling.BICUBIC).save(tmp_path / "turned.png", exif=turned)
    noise.resize((340, 230), Image.Resampling.BICUBIC).save(tmp_path / "large.png")
    return tmp_path


def upright(path):
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


@pytest.mark.slow
@pytest.mark.parametrize("channels_first", [True, False])
def test_images_come_out_upright_and_whole(channels_first, exports, network, photos):
    path = exports("onnx", input_kind="uint8", output_kind="labels")
    with serving(path, channels_first=channels_first) as (url, shapes):
        words = ("turned.png", "large.png", "--card", card_path(path))
        done = client(url, *words, "--window", 192, "--margin", 64, cwd=photos)
    assert done.returncode == 0, done.stderr
    palette = np.ravel(network.labels.palette).tolist()
    for name, least in (("turned", 0.999), ("large", 0.99)):
        written = Image.open(photos / "labels" / f"{name}.png")
        assert written.mode == "P"
        assert written.getpalette()[: len(palette)] == palette
        expected = network.predict(upright(photos / f"{name}.png"))
        assert np.asarray(written).shape == expected.shape
        assert (np.asarray(written) == expected).mean() > least
    assert shapes[0] == ((1, 3, 97, 65) if channels_first else (97, 65, 3))
    assert len(shapes) == 1 + 2 * 4
    assert max(max(shape) for shape in shapes) == 192


def test_what_it_cannot_write_is_refused(exports, photos):
    path = exports("onnx", input_kind="uint8", output_kind="labels")
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(photos / "deep.png")
    with serving(path, channels_first=True) as (url, shapes):
        done = client(url, "deep.png", cwd=photos)
        assert "has more than 8 bits a channel" in done.stderr
        done = client(url, "large.png", "--window", 64, "--margin", 32, cwd=photos)
        assert "give less than half of --window" in done.stderr
    assert not shapes


def test_it_needs_nothing_of_this_package():
    nodes = list(ast.walk(ast.parse(CLIENT.read_text())))
    modules = {each.module for each in nodes if isinstance(each, ast.ImportFrom)}
    modules |= {name.name for each in nodes if isinstance(each, ast.Import) for name in each.names}
    others = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert others == {"numpy", "PIL", "tritonclient"}
