"""`seg.weights` as a user types it: list, inspect, convert, verify, and its errors."""

import hashlib
import json

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from seg.errors import ConfigError, DataError
from seg.models.encoders import create_encoder
from seg.models.weights import load_weights
from seg.training.checkpoint import read_checkpoint
from seg.weight_tools.convert import convert
from seg.weight_tools.inspect import inspect_weights
from seg.weight_tools.verify import verify
from tests.conftest import seg

TINY = "aligned_xception_tiny"


@pytest.fixture(scope="module")
def timm_file(tmp_path_factory):
    """A seeded network of timm in a file of timm's names."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("timm") / "model.safetensors"
    save_file(timm.create_model("xception41", num_classes=3).state_dict(), path)
    return path


def test_list_names_every_published_file(tmp_path):
    done = seg("weights", "list", "encoder_name=aligned_xception65", cwd=tmp_path)
    assert done.returncode == 0
    assert "timm/xception65.ra3_in1k" in done.stdout
    assert "83.19" in done.stdout
    assert "xception41" not in done.stdout


def test_inspect_tells_encoder_and_coverage(timm_file, tmp_path):
    done = seg("weights", "inspect", f"source={timm_file}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "aligned_xception41: 420 tensors loaded, 0 missing, 0 unexpected" in done.stdout
    assert "encoder.middle.7.convs.2.pointwise.conv.weight" in done.stdout


def test_commands_leave_no_files(timm_file, tmp_path):
    for arguments in (("list",), ("inspect", f"source={timm_file}")):
        assert seg("weights", *arguments, cwd=tmp_path).returncode == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("inspect",), 2, "source: missing"),
        (("inspct",), 2, "task"),
        (("convert", "source=x"), 2, "output: missing"),
        (("inspect", "source=nothing.pth"), 3, "does not exist"),
        (("inspect", "source=ftp://host/file"), 2, "unknown scheme 'ftp'"),
        (("inspect", "source=timm/xception66"), 2, "timm/xception66"),
        (("inspect", "source=x", "encoder_name=xeption"), 2, "did you mean 'xception'"),
    ],
)
def test_errors(arguments, code, words, tmp_path):
    done = seg("weights", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_convert_writes_our_names_and_a_card(timm_file, tmp_path):
    output = tmp_path / "ours.safetensors"
    card = convert(str(timm_file), output)
    assert json.loads(output.with_suffix(".json").read_text()) == card
    assert card["encoder"] == "aligned_xception41"
    assert card["sha256"] == {timm_file.name: hashlib.sha256(timm_file.read_bytes()).hexdigest()}
    assert card["normalization"] == {"mean": [0.5] * 3, "std": [0.5] * 3}
    assert set(card["parts"]) == {"encoder", "linear"}
    assert card["tools"]["torch"] == torch.__version__.split("+")[0]
    direct, converted = create_encoder("aligned_xception41"), create_encoder("aligned_xception41")
    load_weights(direct, timm_file)
    assert load_weights(converted, output).complete
    pairs = zip(direct.state_dict().values(), converted.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    with safe_open(output, framework="pt") as file:
        assert json.loads(file.metadata()["seg"])["encoder"] == "aligned_xception41"
    with pytest.raises(ConfigError, match="exists already"):
        convert(str(timm_file), output)


def test_convert_refuses_what_does_not_fill_the_encoder(timm_file, tmp_path):
    with pytest.raises(DataError, match="does not fill aligned_xception65"):
        convert(str(timm_file), tmp_path / "a.safetensors", "aligned_xception65")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [TINY, "aligned_xception71", "legacy_xception"])
def test_survey_finds_the_encoder_of_our_own_files(name, tmp_path):
    save_file(create_encoder(name).state_dict(), tmp_path / "a.safetensors")
    inspection = inspect_weights(str(tmp_path / "a.safetensors"))
    assert inspection.encoder == name
    assert inspection.coverage.complete


def test_verify_against_timm(timm_file):
    result = verify(str(timm_file))
    assert result.equal
    assert result.origin == "timm xception41"


def test_verify_says_what_has_no_origin_here(tmp_path):
    save_file(create_encoder(TINY).state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="no other implementation"):
        verify(str(tmp_path / "a.safetensors"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
@pytest.mark.parametrize("name", ["xception1000.weights.h5", "xception1000_legacy_fullmodel.h5"])
def test_verify_against_keras(name, keras_files, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    result = verify(str(keras_files / name))
    assert result.equal
    assert result.encoder == "xception"


def test_a_run_of_the_defaults_is_converted_as_the_readme_says(small_run, tmp_path):
    output = tmp_path / "run.safetensors"
    done = seg("weights", "convert", f"source={small_run}", f"output={output}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "aligned_xception_tiny, 372 tensors" in done.stdout
    stored = read_checkpoint(small_run).model_state
    converted = load_file(output)
    assert converted.keys() <= stored.keys()
    assert all(torch.equal(value, stored[name]) for name, value in converted.items())
