"""Which file is opened for a checkpoint, and what the card says of it."""

import shutil

import pytest

from seg.data.readers.sha256 import sha256_of
from seg.errors import ConfigError, DataError
from tests.conftest import seg
from tests.serving.applications import config_of
from tests.serving.untrained import write_run

pytestmark = pytest.mark.slow
NAME = "onnx_fp32.onnx"


def _card(run, **settings):
    from seg.serving.opening import open_services

    services = open_services(config_of(run, threads=1, workers=1, **settings))
    services.default.close(10)
    return services.default.card


def test_exports_of_this_checkpoint_alone_are_taken_and_damaged_ones_are_not(tmp_path, caplog):
    pytest.importorskip("onnxruntime")
    run, other = write_run(tmp_path / "run", "binary"), write_run(tmp_path / "other", "exclusive")
    typed = (f"checkpoint={run}", "format=onnx", "output_kind=logits", "num_images=1")
    done = seg("export", *typed, "device=cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    export, checkpoint = run / "export" / NAME, run / "checkpoints/best.ckpt"
    shutil.copytree(run / "export", other / "export")

    card = _card(run, engine="onnx")
    assert (card["engine"], card["precision"]) == ("onnx", "fp32")
    assert card["file"] == {"name": NAME, "sha256": sha256_of(export)}
    assert card["checkpoint"]["sha256"] == sha256_of(checkpoint)
    assert _card(run)["file"]["name"] in (NAME, "best.ckpt")  # the faster one

    assert _card(other)["file"] == {
        "name": "best.ckpt",
        "sha256": sha256_of(other / "checkpoints/best.ckpt"),
    }
    with pytest.raises(ConfigError, match="no onnx export of this checkpoint"):
        _card(other, engine="onnx")

    export.write_bytes(export.read_bytes()[:-100])
    assert _card(run)["engine"] == "torch"
    assert "engine     onnx fp32 is passed over" in caplog.text
    assert "sha256 differs" in caplog.text
    with pytest.raises(DataError, match="sha256 differs"):
        _card(run, engine="onnx")
