"""Graphs that take values as image files store them: scaled, filled and normalized inside."""

import json

import numpy as np
import pytest
import torch

import seg as package
from seg.data.readers.value_range import ImageDecoding
from seg.data.sample import Sample
from seg.deployment.exported_model import ExportedModel
from seg.deployment.exporter import ExportRequest, export, file_name
from seg.deployment.format_interface import find_format
from seg.deployment.metadata import ExportSpec, card_path
from seg.deployment.parity import Tolerance
from seg.deployment.stored_images import StoredImages, to_stored, with_kind
from seg.errors import ConfigError
from seg.inference.segmentation_model import as_array
from tests.deployment.networks import ORIGIN, card_of, small_network

PAIRS = ((102.3, 2999.7), (0.0, 4000.0), (-5.0, 1000.0), (17.0, 3900.2))
FOUR = {"bands": ("red", "green", "blue", "nir"), "kind": "uint16"}
DECODINGS = [
    ImageDecoding(),
    ImageDecoding(nodata=7.0, bands=(1, 2, 3, 4), kind="uint8"),
    ImageDecoding(PAIRS, **FOUR),
    ImageDecoding(PAIRS, **FOUR, clip=False, nodata=0.0),
    ImageDecoding((0.0, 4095.0), (1,), kind="uint16"),
    ImageDecoding((-900.5, 3000.0), kind="int16", nodata=-999.0),
    ImageDecoding((0.0, 2.0**31), (2, 1), kind="uint32", nodata=0.0),
    ImageDecoding((-1e6, 2e6), (1,), kind="int32"),
    ImageDecoding(((-1.0, 1.0), (0.0, 2.0)), (1, 2), kind="float32", clip=False, nodata="nan"),
    ImageDecoding((-0.3, 0.9), (1,), kind="float32", nodata=-9999.9),
    ImageDecoding((-0.3, 0.9), kind="float64", nodata="nan"),
]
EIGHT_BITS = {"input_kind": "stored", "precision": "int8"}
FOUR_BANDS, GREY, FLOATS = DECODINGS[3], DECODINGS[4], DECODINGS[8]


def stored_values(decoding, size=(90, 130)):
    """Smooth values, some beyond the range, and in a corner none."""
    random = np.random.default_rng(0)
    channels = 3 if decoding.bands is None else len(decoding.bands)
    kind = np.dtype(decoding.kind or "uint8")
    low, high = decoding.ranges[0] if decoding.ranges else (0, 255)
    shares = random.random((channels, 5, 5)).repeat(18, 1).repeat(26, 2)[:, : size[0], : size[1]]
    values = low + (high - low) * (1.2 * shares - 0.1 + 0.02 * random.random(shares.shape))
    if kind.kind != "f":
        limits = np.iinfo(kind)
        values = np.clip(np.rint(values), limits.min, limits.max)
    values_CHW = values.astype(kind)
    if decoding.nodata is not None:
        values_CHW[-1, :20, :30] = np.nan if decoding.nodata == "nan" else decoding.nodata
    return values_CHW


@pytest.mark.parametrize("decoding", DECODINGS)
def test_values_are_scaled_in_a_graph_as_by_readers(decoding):
    values_CHW = stored_values(decoding)
    expected_HWC = as_array(values_CHW.transpose(1, 2, 0), decoding).astype(np.float32)
    missing_HW = np.isnan(expected_HWC[..., 0])
    expected_HWC[missing_HW] = 127.5
    scaling = StoredImages(with_kind(decoding))
    image_BCHW, missing_B1HW = scaling(torch.from_numpy(values_CHW)[None])
    assert image_BCHW.dtype == torch.float32
    np.testing.assert_array_equal(image_BCHW[0].permute(1, 2, 0).numpy(), expected_HWC)
    if decoding.nodata is None:
        assert missing_B1HW is None
    else:
        assert missing_HW.any()
        np.testing.assert_array_equal(missing_B1HW[0, 0].numpy(), missing_HW)


@pytest.mark.parametrize("decoding", DECODINGS)
def test_stored_values_are_regained_from_images(decoding):
    decoding = with_kind(decoding)
    scaling = StoredImages(decoding)
    image_BCHW, missing_B1HW = scaling(torch.from_numpy(stored_values(decoding))[None])
    again_BCHW, none_B1HW = scaling(to_stored(image_BCHW, decoding))
    assert none_B1HW is None or not none_B1HW.any()
    same_BCHW = again_BCHW == image_BCHW
    if np.dtype(decoding.kind).kind == "f":
        same_BCHW = (again_BCHW - image_BCHW).abs() < 1e-4
    if missing_B1HW is not None:  # whole numbers do not meet the middle
        same_BCHW |= missing_B1HW & ((again_BCHW - 127.5).abs() < 1)
    assert same_BCHW.all()


def test_images_of_a_float_graph_without_a_type_are_refused():
    with pytest.raises(ConfigError, match=r"no type of stored values\n.*dataset.kind=uint16"):
        with_kind(ImageDecoding((0.0, 4095.0)))
    assert with_kind(ImageDecoding((0.0, 4095.0)), "uint16").kind == "uint16"
    spec = ExportSpec(precision="fp32", input_kind="stored", stored_type="int16", device="cuda")
    with pytest.raises(ConfigError, match="takes no int16 values; allowed: uint8, float32"):
        find_format("tensorrt").require_writing(spec)


@pytest.mark.parametrize("kind", ["stored", "float32", "normalized"])
def test_engines_get_what_they_take(kind):
    network, inputs = small_network(decoding=FOUR_BANDS), []
    stored = {"stored_type": "uint16"} if kind == "stored" else {}

    def engine(input_BCHW):
        inputs.append(input_BCHW)
        return torch.zeros(1, network.num_classes, 12, 17)

    model = ExportedModel(card_of(network, input_kind=kind, **stored), engine, FOUR_BANDS)
    values_CHW = stored_values(FOUR_BANDS)
    label_HW = model.predict(values_CHW.transpose(1, 2, 0))
    assert (label_HW[:20, :30] == 255).all()
    assert (label_HW == 255).sum() == 20 * 30 + (values_CHW == 0).any(0)[20:].sum() + (
        values_CHW == 0
    ).any(0)[:20, 30:].sum()
    (given,) = inputs
    if kind == "stored":
        has_data_HW = label_HW != 255
        assert given.dtype == torch.uint16
        np.testing.assert_array_equal(given[0].numpy()[:, has_data_HW], values_CHW[:, has_data_HW])
    else:
        assert given.dtype == torch.float32
        assert given.shape == (1, 4, 90, 130)


def write(directory, name, network, **spec):
    """Export a network and hold it against itself on a sample."""
    decoding = network.decoding
    if spec["input_kind"] == "stored":
        spec["stored_type"] = decoding.kind
    tolerance = Tolerance(0.5, 5.0, 0.25) if "precision" in spec else Tolerance(0.998, 5.0, 0.01)
    request = ExportRequest(name, ExportSpec(**{"precision": "fp32", **spec}), tolerance, 0.9)
    image_HWC = as_array(stored_values(decoding).transpose(1, 2, 0), decoding)
    label_HW = np.zeros(image_HWC.shape[:2], np.uint8)
    label_HW[np.isnan(image_HWC[..., 0])] = 255
    image_HWC[np.isnan(image_HWC[..., 0])] = 127.5
    label_HW[:, 60:] = 1
    samples, path = [Sample("x", image_HWC, label_HW)], directory / file_name(request)
    export(network, ORIGIN, request, path, checked=samples, calibration=samples)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("decoding", "seed"), [(FOUR_BANDS, 8), (GREY, 9), (FLOATS, 4)])
@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_raw_values_give_the_labels_of_the_network(name, decoding, seed, tmp_path):
    for module in {**find_format(name).writing, **find_format(name).running}:
        pytest.importorskip(module)
    network, values_CHW = small_network(seed, decoding), stored_values(decoding)
    expected_HW = network.predict(values_CHW.transpose(1, 2, 0))
    assert len(np.unique(expected_HW)) > 1
    path = write(tmp_path, name, network, input_kind="stored", output_kind="labels")
    if name == "onnx":
        runtime = pytest.importorskip("onnxruntime")
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (label_BHW,) = session.run(None, {"image": values_CHW[None]})
    else:
        openvino = pytest.importorskip("openvino")
        options = {"INFERENCE_PRECISION_HINT": "f32"}
        request = openvino.Core().compile_model(
            openvino.Core().read_model(str(path)), "CPU", options
        )
        label_BHW = request([values_CHW[None]])[0]
    assert label_BHW.dtype == np.uint8
    assert (label_BHW[0] == expected_HW).mean() > 0.998  # untrained: logits lie close together
    np.testing.assert_array_equal(label_BHW[0] == 255, expected_HW == 255)
    engine = package.load_model(path)
    again_HW = ExportedModel(engine.card, engine._run, decoding).predict(
        values_CHW.transpose(1, 2, 0)
    )
    assert (again_HW == expected_HW).mean() > 0.998
    usage = json.loads(card_path(path).read_text())["usage"]
    assert usage["input"]["type"] == usage["input"]["kind"] == decoding.kind
    assert usage["input"]["nodata"] == decoding.nodata
    assert np.allclose(usage["input"]["value_range"], decoding.value_range)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pt2", pytest.param("onnx", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["float32", "uint8", "normalized", "stored"])
def test_every_input_of_four_bands_gives_the_logits(name, kind, tmp_path):
    for module in {**find_format(name).writing, **find_format(name).running}:
        pytest.importorskip(module)
    network = small_network(8, DECODINGS[2])
    path = write(tmp_path, name, network, input_kind=kind)
    engine = package.load_model(path, trust=True)
    engine.decoding = network.decoding
    stored_HWC = stored_values(network.decoding).transpose(1, 2, 0)
    assert (engine.predict(stored_HWC) == network.predict(stored_HWC)).mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("onnx", "stored"), ("onnx", "float32")])
def test_eight_bits_are_calibrated_on_images_of_four_bands(name, kind, tmp_path):
    for module in {**find_format(name).writing, **find_format(name).running}:
        pytest.importorskip(module)
    network = small_network(8, DECODINGS[2])
    path = write(tmp_path, name, network, input_kind=kind, precision="int8")
    engine = package.load_model(path)
    engine.decoding = network.decoding
    stored_HWC = stored_values(network.decoding).transpose(1, 2, 0)
    assert (engine.predict(stored_HWC) == network.predict(stored_HWC)).mean() > 0.8


def test_openvino_runs_no_eight_bits_on_stored_values(tmp_path):
    for module in {**find_format("openvino").writing, **find_format("openvino").running}:
        pytest.importorskip(module)
    with pytest.raises(ConfigError, match="give input_kind=float32"):
        write(tmp_path, "openvino", small_network(8, DECODINGS[2]), **EIGHT_BITS)
    assert not list(tmp_path.iterdir())
