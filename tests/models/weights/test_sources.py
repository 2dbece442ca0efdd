"""Finding weights: names, addresses, paths and directories."""

import functools
import hashlib
import json
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from seg.errors import ConfigError, DataError
from seg.models.encoders import create_encoder
from seg.models.interfaces import Normalization
from seg.models.weights.sources import locate
from tests.models.hub import HALF
from tests.models.web import running


def served(folder):
    """The address of a plain file server."""
    handler = functools.partial(QuietFiles, directory=folder)
    return running(ThreadingHTTPServer(("127.0.0.1", 0), handler))


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


def test_a_timm_model_that_lies_on_the_web(tmp_path, monkeypatch):
    """The original Xception is not on the Hub; its file's name begins the digest."""
    data = b"weights"
    folder = tmp_path / "served"
    folder.mkdir()
    name = f"xception-{hashlib.sha256(data).hexdigest()[:9]}.pth"
    (folder / name).write_bytes(data)
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    entry = timm.models.register_model.__globals__["_model_pretrained_cfgs"][
        "legacy_xception.tf_in1k"
    ]
    with served(folder) as address:
        monkeypatch.setattr(entry, "url", f"{address}/{name}")
        located = locate("timm/legacy_xception")
    assert located.path.read_bytes() == data
    assert located.origin == f"timm/legacy_xception.tf_in1k ({address}/{name})"
    assert located.normalization == Normalization()


def test_an_address_with_its_digest(tmp_path, monkeypatch):
    (tmp_path / "x.pth").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setenv("SEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served(tmp_path) as address:
        located = locate(f"{address}/x.pth?signature=secret#sha256={sha256}")
    assert located.path.read_bytes() == b"weights"
    assert located.path.is_relative_to(tmp_path / "cache")
    assert located.origin == f"{address}/x.pth#sha256={sha256}"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("https://host/x.pth", r"add #sha256=<64 hex digits>"),
        ("https://host/x.pth#sha256=abc", r"add #sha256=<64 hex digits>"),
        ("ftp://host/x.pth", r"unknown scheme 'ftp'"),
        ("file:///x.pth", r"unknown scheme 'file'"),
        ("hf://owner", r"allowed: hf://OWNER/NAME"),
        ("hf://owner/name/modeling.py", r"a FILE ends in \.safetensors"),
        ("hf://owner/name/../x.pth", r"allowed: hf://OWNER/NAME"),
        ("timm/xception65.ra4_in1k", r"nearest: .*xception65\.ra3_in1k"),
        ("timm/legacy_xcepton", r"nearest: .*legacy_xception"),
    ],
)
def test_wrong_sources(source, said):
    with pytest.raises(ConfigError, match=said):
        locate(source)


def test_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/model.ckpt").path == tmp_path / "model.ckpt"
    assert locate(tmp_path).path == tmp_path
    assert locate("model.ckpt").path == Path("model.ckpt")


def test_a_path_that_exists_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("timm/xception65.ra3_in1k", "xception65.ra3_in1k"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"mine")
        assert locate(name).path == Path(name)
        assert locate(name).normalization is None


CONFIG = {"architecture": "xception41", "pretrained_cfg": {"mean": HALF, "std": [0.2, 0.3, 0.4]}}


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_directory_as_timm_saves_it(name, tmp_path):
    source = create_encoder("aligned_xception_micro")
    tensors = source.state_dict()
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    if name.endswith("bin"):
        torch.save(tensors, tmp_path / name)
    else:
        save_file(tensors, tmp_path / name)
    for path in (tmp_path, tmp_path / name):
        encoder = create_encoder("aligned_xception_micro", weights=path)
        assert encoder.normalization == Normalization((0.5,) * 3, (0.2, 0.3, 0.4))
        assert torch.equal(encoder.stem[0].conv.weight, source.stem[0].conv.weight)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"pretrained_cfg": {"mean": [0.5', "no valid JSON"),
        ('{"mean": [0.5, 0.5, 0.5], "std": [1, 0, 1]}', "mean and std are damaged"),
        ('{"mean": [0.5, 0.5, 0.5], "std": "x"}', "mean and std are damaged"),
    ],
)
def test_a_damaged_configuration_is_named(text, reason, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(DataError, match=rf"config\.json: (.|\n)*{reason}"):
        locate(tmp_path)
