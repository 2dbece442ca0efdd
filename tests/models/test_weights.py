"""Weight files that are missing, damaged, foreign, or made for another network."""

import struct
import sys

import numpy as np
import pytest
import torch

from seg.errors import DataError
from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.models.segmenter import create_model
from seg.models.weights import load_weights, readable_formats
from seg.models.weights.crc32c import crc32c, masked_crc32c
from seg.models.weights.tensorflow import module_name

SMALL = "aligned_xception_tiny"


def bitwise_crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.fixture(params=["google-crc32c", "table"])
def implementation(request, monkeypatch):
    if request.param == "table":
        monkeypatch.setitem(sys.modules, "google_crc32c", None)  # as if it were not installed
    else:
        pytest.importorskip("google_crc32c")


@pytest.mark.usefixtures("implementation")
def test_checksum_against_rfc_3720():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert masked_crc32c(b"") == 0xA282EAD8


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("size", [*range(20), 255, 1000, 4096, 4097, 33333])
def test_checksum_at_any_length(size):
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    assert crc32c(data) == bitwise_crc32c(data)


def test_every_variable_has_a_place(fixtures):
    """The names file of the checkpoint, all of it, shape by shape."""
    model = create_model("aligned_xception41")
    shapes = {name: tensor.numel() for name, tensor in model.state_dict().items()}
    for line in (fixtures / "tensorflow" / "names_xception_41.txt").read_text().splitlines():
        variable, _, shape = line.partition("\t")
        if variable.startswith("xception_41/logits") or variable == "global_step":
            continue
        size = np.prod([int(side) for side in shape.strip("[] ").split(",")])
        assert shapes.pop(module_name(variable)) == size
    assert all(name.endswith("num_batches_tracked") for name in shapes)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("xception_71/entry_flow/block5/unit_1/xception_module/shortcut/weights",
         "encoder.entry.4.skip.conv.weight"),
        ("xception_65/middle_flow/block1/unit_16/xception_module/separable_conv3_depthwise"
         "/depthwise_weights", "encoder.middle.15.convs.2.depthwise.conv.weight"),
        ("xception_65/logits/biases", "linear.bias"),
        ("dpc/conv0/weights", "decoder.dpc/conv0/weights"),
    ],
)  # fmt: skip
def test_names_of_variables(variable, expected):
    assert module_name(variable) == expected


def test_encoder_alone(tensorflow_checkpoint):
    encoder = create_encoder("aligned_xception41", weights=tensorflow_checkpoint, output_stride=8)
    coverage = load_weights(encoder, f"{tensorflow_checkpoint}.index")
    assert coverage.complete
    assert {name.split(".")[0] for name in coverage.elsewhere} == {"decoder"}
    assert not coverage.reshaped


@pytest.mark.parametrize("in_channels", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_input_channels_are_adapted_and_reported(in_channels, tensorflow_checkpoint):
    rgb = create_encoder("aligned_xception41", weights=tensorflow_checkpoint).eval()
    encoder = create_encoder("aligned_xception41", in_channels=in_channels).eval()
    coverage = load_weights(encoder, tensorflow_checkpoint.parent)
    assert coverage.complete
    assert coverage.reshaped == ("encoder.stem.0.conv.weight",)
    image = torch.randn(16, in_channels, 33, 33)
    rgb_image = image.expand(-1, 3, -1, -1) if in_channels == 1 else torch.randn(16, 3, 33, 33)
    with torch.no_grad():
        found, expected = encoder.stem[0].conv(image), rgb.stem[0].conv(rgb_image)
    if in_channels == 1:
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert found.var().item() == pytest.approx(expected.var().item(), rel=0.05)


def test_another_number_of_classes(tensorflow_checkpoint):
    model = create_model("aligned_xception41", num_classes=21)
    before = model.decoder.logits.weight.clone()
    with pytest.raises(DataError, match=r"19, without names(.|\n)*21, without(.|\n)*reset_head"):
        load_weights(model, tensorflow_checkpoint)
    coverage = load_weights(model, tensorflow_checkpoint, strict=False)
    assert coverage.missing == ("decoder.logits.weight", "decoder.logits.bias")
    assert torch.equal(model.decoder.logits.weight, before)


@pytest.mark.parametrize("name", ["aligned_xception65", "xception"])
def test_another_encoder(name, tensorflow_checkpoint):
    encoder = create_encoder(name)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with pytest.raises(DataError, match=r"not in the file|without a place"):
        load_weights(encoder, tensorflow_checkpoint)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_leftovers_of_a_deeper_encoder_are_refused(tensorflow_checkpoint):
    encoder = create_encoder("aligned_xception41")
    del encoder.middle[7]
    with pytest.raises(DataError, match=r"without a place .*encoder\.middle\.7"):
        load_weights(encoder, tensorflow_checkpoint)


@pytest.mark.slow
def test_nothing_that_fits(keras_files):
    decoder_only = create_model(SMALL).decoder
    with pytest.raises(DataError, match="0 tensors loaded"):
        load_weights(decoder_only, keras_files / "xception1000.keras", strict=False)


def test_foreign_and_missing_files_list_what_can_be_read(tmp_path):
    (tmp_path / "text.h5").write_text("not a weight file")
    (tmp_path / "picture.onnx").write_bytes(b"\x08\x07")
    (tmp_path / "empty").mkdir()
    encoder = create_encoder(SMALL)
    for name in ("text.h5", "picture.onnx", "empty", "nothing.ckpt"):
        with pytest.raises(DataError) as error:
            load_weights(encoder, tmp_path / name)
        assert name in str(error.value)
        assert all(each.description in str(error.value) for each in readable_formats())


def copy_checkpoint(prefix, folder):
    for path in prefix.parent.glob("model.ckpt.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / "model.ckpt"


@pytest.mark.parametrize("kept", [0, 30, 5000, -1])
def test_index_cut_short(kept, tensorflow_checkpoint, tmp_path):
    prefix = copy_checkpoint(tensorflow_checkpoint, tmp_path)
    index = tmp_path / "model.ckpt.index"
    index.write_bytes(index.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"model\.ckpt\.index"):
        load_weights(create_encoder("aligned_xception41"), prefix)


def test_index_or_data_altered(tensorflow_checkpoint, tmp_path):
    prefix = copy_checkpoint(tensorflow_checkpoint, tmp_path)
    encoder = create_encoder("aligned_xception41")
    altered = {"model.ckpt.data-00000-of-00001": 50_000_000, "model.ckpt.index": 9000}
    for name, position in altered.items():
        path = tmp_path / name
        with path.open("r+b") as file:
            file.seek(position)
            octet = file.read(1)
            file.seek(position)
            file.write(struct.pack("B", octet[0] ^ 4))
        with pytest.raises(DataError, match=f"{name}.*checksum"):
            load_weights(encoder, prefix)


def test_data_cut_short_or_missing(tensorflow_checkpoint, tmp_path):
    prefix = copy_checkpoint(tensorflow_checkpoint, tmp_path)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    with data.open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(DataError, match=r"data-00000-of-00001 is cut short"):
        load_weights(create_encoder("aligned_xception41"), prefix)
    data.unlink()
    with pytest.raises(DataError, match=r"data-00000-of-00001 is missing"):
        load_weights(create_encoder("aligned_xception41"), prefix)


@pytest.mark.parametrize("name", ["xception1000.keras", "xception1000.weights.h5"])
def test_keras_file_cut_short(name, keras_files, tmp_path):
    path = tmp_path / name
    path.write_bytes((keras_files / name).read_bytes()[:3_000_000])
    with pytest.raises(DataError, match=f"{name}.*cut short"):
        load_weights(create_encoder("xception"), path)


def test_keras_classes_differ(keras_files):
    classifier = Classifier(create_encoder("xception"), num_classes=10)
    with pytest.raises(DataError, match=r"1000, without names(.|\n)*10, without names"):
        load_weights(classifier, keras_files / "xception1000.weights.h5")
