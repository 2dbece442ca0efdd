"""What the page gets of an image."""

import base64
from io import BytesIO

import httpx
import numpy as np
from PIL import Image

import seg


def _png(text: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(text)))


def test_the_view_agrees_with_the_labels_and_the_probabilities(served, small_run, tmp_path):
    path = tmp_path / "image.png"
    pixels = np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    answer = httpx.post(
        f"{served}/v1/predict?output=view", files={"image": path.read_bytes()}, timeout=60
    )
    view = answer.json()
    assert (view["width"], view["height"], view["mode"]) == (90, 70, "exclusive")
    ids_HW = np.asarray(_png(view["ids"]))
    label = _png(view["label"])
    labels = seg.load_model(small_run).labels
    np.testing.assert_array_equal(np.asarray(label), ids_HW)
    np.testing.assert_array_equal(np.asarray(label.convert("RGB")), labels.colorize(ids_HW))
    for index, each in enumerate(view["classes"]):
        assert each["name"] == labels.names[index]
        assert each["pixels"] == (ids_HW == index).sum()
    assert abs(sum(each["share"] for each in view["classes"]) - 1) < 1e-4
    certainty, entropy = np.asarray(_png(view["probability"])), np.asarray(_png(view["entropy"]))
    assert certainty.shape == entropy.shape == (70, 90)
    # The highest of K probabilities is at least 1 / K, and near 1 only where entropy is near 0.
    assert certainty.min() >= np.floor(255 / labels.num_classes)
    assert (np.corrcoef(certainty.ravel(), entropy.ravel())[0, 1]) < -0.5
    assert view["time_ms"] > 0
