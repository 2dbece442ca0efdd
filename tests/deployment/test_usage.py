"""An exported file is used with nothing but ONNX Runtime and what its card says."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional

import seg as package
from seg.deployment.metadata import card_path, read_card, write_card
from seg.deployment.usage import usage_of
from tests.deployment.networks import small_network
from tests.prediction.conftest import street

SIZES = [(180, 250), (97, 131), (65, 97), (48, 33)]


def by_the_card_alone(card, outputs, height, width):
    """What the steps of a card say, in plain PyTorch."""
    if card["usage"]["output"]["name"] == "labels":
        return outputs[0]
    rows, columns = (
        eval(card["usage"]["padded_grid"][side], {}, {"height": height, "width": width})
        for side in ("height", "width")
    )
    grid = functional.interpolate(
        torch.from_numpy(outputs),
        (rows, columns),
        mode="bilinear",
        align_corners=card["geometry"]["align_corners"],
    )
    return grid[0, :, :height, :width].argmax(0).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["labels", "logits"])
def test_the_card_is_enough(kind, exports, network):
    path = exports("onnx", output_kind=kind)
    runtime = pytest.importorskip("onnxruntime")
    card = json.loads(card_path(path).read_text())
    usage = card["usage"]
    assert usage["input"]["range"] == [0, 255]
    assert usage["input"]["channel_order"] == "RGB"
    assert (usage["normalization"], card["normalization"]) == (None, None)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].name == usage["input"]["name"]
    for height, width in SIZES:
        image = np.ascontiguousarray(street(3, (192, 256))[:height, :width])
        given = image.transpose(2, 0, 1)[None].astype(usage["input"]["type"])
        (outputs,) = session.run([usage["output"]["name"]], {"image": given})
        label_HW = by_the_card_alone(card, outputs, height, width)
        assert (label_HW == network.predict(image)).mean() > 0.9995
    inside = session.get_modelmeta().custom_metadata_map
    assert {key: json.loads(text) for key, text in inside.items()} == {
        **usage,
        "classes": card["classes"],
    }


def test_the_grid_is_the_padded_image():
    network = small_network()
    usage = usage_of(network, input_kind="float32", output_kind="logits", size=None)
    for height, width in SIZES:
        padded = network.padded(torch.zeros(1, 3, height, width)).shape[2:]
        sides = {"height": height, "width": width}
        assert tuple(eval(usage.padded_grid[side], {}, sides) for side in sides) == padded
    network.decoder.input_multiple = 32
    usage = usage_of(network, input_kind="float32", output_kind="logits", size=None)
    assert eval(usage.padded_grid["width"], {}, {"width": 97}) == 128


def test_a_normalization_is_named_where_the_caller_has_to_do_it():
    usage = usage_of(small_network(), input_kind="normalized", output_kind="labels", size=(64, 96))
    assert usage.normalization == small_network().normalization.to_dict()
    assert usage.input["range"] is None
    assert "64 x 96" in usage.steps[0]
    assert "(image / 255 - mean) / std" in usage.steps[0]


def test_older_cards_are_read(exports):
    path = exports("pt2")
    now = json.loads(card_path(path).read_text())
    later = ("usage", "classes", "normalized_inside", "sha256")
    old = {key: now[key] for key in now if key not in later}
    old["normalization"] = now["normalized_inside"]
    card_path(path).write_text(json.dumps(old))
    try:
        card = read_card(path)
        assert card.normalization is None
        assert card.network_normalization.to_dict() == now["normalized_inside"]
        assert package.load_model(path, trust=True).predict(street(0)).shape == (64, 96)
    finally:
        card_path(path).write_text(json.dumps(now, indent=2) + "\n")
    write_card(path, read_card(path))
    assert json.loads(card_path(path).read_text()) == now


@pytest.mark.slow
def test_labels_alone_are_predicted_whole(exports, network):
    engine = package.load_model(exports("onnx", output_kind="labels"))
    image = street(2, (97, 131))
    assert (engine.predict(image) == network.predict(image)).mean() > 0.9995
    assert engine.predict(image).dtype == np.uint8
