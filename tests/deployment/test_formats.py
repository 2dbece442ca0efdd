"""Every format gives what the network gives, at any size and batch."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seg as package
from seg.deployment.format_interface import find_format, format_names
from seg.deployment.parity import Tolerance
from seg.errors import ConfigError
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from tests.deployment.networks import exported, samples

LOOSE = Tolerance(0.5, 5.0, 0.25)


NAMES = [
    "pt2",
    "onnx",
    pytest.param("openvino", marks=pytest.mark.slow),
    pytest.param("aoti", marks=pytest.mark.slow),
    pytest.param("tensorrt", marks=pytest.mark.gpu),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_engine_is_the_network(name, exports, network):
    device = {"device": "cuda"} if name == "tensorrt" else {}
    engine = package.load_model(exports(name, **device), trust=True)
    assert (engine.classes, engine.palette) == (network.classes, network.palette)
    for size in ((65, 97), (64, 90), (33, 130)):
        image_BCHW = torch.randn(2, 3, *size)
        with torch.inference_mode():
            expected, logits = network(image_BCHW), engine(image_BCHW)
        assert logits.shape == expected.shape
        assert float((logits - expected).norm() / expected.norm()) < 1e-4
    image = samples(1)[0].image
    assert (engine.predict(image) == network.predict(image)).mean() > 0.9999
    sliding = Inference(window=(41, 57), scales=(1.0, 0.7), flip=True)
    raster = ArrayRaster(image)
    same = sliding.labels(engine, raster) == sliding.labels(network, raster)
    assert same.mean() > 0.999


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["uint8", "normalized"])
def test_other_inputs(kind, exports, network):
    engine = package.load_model(exports("pt2", input_kind=kind), trust=True)
    image = samples(1)[0].image[:50]
    with torch.inference_mode():
        given = torch.from_numpy(image).permute(2, 0, 1)[None]
        expected, values = network.forward_image(given), engine.forward_image(given)
        normalized = engine(engine.normalization(given))
    assert values.resize == expected.resize
    torch.testing.assert_close(values.values, expected.values, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(normalized, expected.resized(), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pt2", pytest.param("onnx", marks=pytest.mark.slow)])
def test_labels_are_the_likeliest_classes(name, exports, network):
    engine = package.load_model(exports(name, output_kind="labels"), trust=True)
    image = np.ascontiguousarray(samples(1)[0].image[:50, :83])
    with torch.inference_mode():
        given = torch.from_numpy(image).permute(2, 0, 1)[None]
        logits = network(network.normalization(given))[0]
    best = logits.topk(2, 0).values
    decided = (best[0] - best[1] > 1e-3).numpy()
    assert decided.mean() > 0.95
    label_HW = engine.predict(image)
    assert label_HW.dtype == np.uint8
    assert np.array_equal(label_HW[decided], logits.argmax(0).numpy()[decided])
    with pytest.raises(ConfigError, match="output_kind=logits"):
        engine(torch.zeros(1, 3, 65, 65))


@pytest.mark.slow
def test_one_size_and_batch(exports, network):
    engine = package.load_model(exports("pt2", size=(64, 96), batch_size=2), trust=True)
    image_BCHW = torch.randn(3, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(engine(image_BCHW), network(image_BCHW), rtol=1e-4, atol=1e-4)
    with pytest.raises(ConfigError, match=r"inference.window=\[64,96\]"):
        engine.predict(samples(1)[0].image)
    image = samples(1)[0].image
    labels = Inference(window=(64, 96)).labels(engine, ArrayRaster(image))
    expected = Inference(window=(64, 96)).labels(network, ArrayRaster(image))
    assert (labels == expected).mean() > 0.9999


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "precision"),
    [("pt2", "bf16"), ("onnx", "fp16"), ("onnx", "int8"), ("openvino", "int8")],
)
def test_fewer_bits(name, precision, exports, network):
    path = exports(name, precision=precision, tolerance=LOOSE)
    engine = package.load_model(path, trust=True)
    image = samples(1)[0].image
    assert (engine.predict(image) == network.predict(image)).mean() > 0.8
    if precision == "int8":
        kept = engine.card.kept_float
        assert kept[0].startswith("encoder.stem")
        assert kept[-1] == "decoder.logits"
        rounded = _are_rounded(name, path)
        assert rounded.count(False) == len(kept)
        assert rounded.count(True) > 0


def _are_rounded(name: str, path: Path) -> list[bool]:
    """Of each convolution of a file, whether its weights are of eight bits."""
    if name == "openvino":
        import openvino

        operations = openvino.Core().read_model(str(path)).get_ordered_ops()
        convolutions = [op for op in operations if "Convolution" in op.get_type_name()]
        return [_has_integers(op.input_value(1).get_node()) for op in convolutions]
    import onnx

    graph = onnx.load(str(path)).graph
    makers = {output: node.op_type for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    return [makers.get(node.input[1]) == "DequantizeLinear" for node in convolutions]


def _has_integers(operation: Any) -> bool:
    """Whether a constant of integers is among what an operation of OpenVINO is made of."""
    if operation.get_type_name() == "Constant":
        return "int" in str(operation.get_element_type())
    return any(_has_integers(value.get_node()) for value in operation.input_values())


def test_every_format_is_a_file_that_says_what_it_is():
    assert {"onnx", "openvino", "pt2", "aoti", "tensorrt"} <= set(format_names())
    for name in format_names():
        kind = importlib.import_module(f"seg.deployment.formats.{name}").FORMAT
        assert kind.name == name
        assert "fp32" in kind.precisions
    with pytest.raises(ConfigError, match="did you mean onnx"):
        find_format("onx")


def test_what_a_format_lacks_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="precision=int8: allowed: fp32, fp16, bf16"):
        exported(tmp_path, "pt2", precision="int8")
    with pytest.raises(ConfigError, match="device=cpu: allowed: cuda"):
        exported(tmp_path, "tensorrt")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_a_missing_package_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"pip install .*tensorrt"):
        exported(tmp_path, "tensorrt", device="cuda")
