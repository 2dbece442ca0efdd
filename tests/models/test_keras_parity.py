"""Keras' own numbers for the original Xception, layer by layer, from each of its file forms."""

import re

import h5py
import numpy as np
import pytest
import torch

from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.models.weights import load_weights

FILES = (
    "xception1000.keras",
    "xception1000.weights.h5",
    "xception1000_legacy_tf_kernels.h5",
    "xception1000_legacy_fullmodel.h5",
)
TOLERANCE = 1e-5
BLOCKS = [f"entry.{i}" for i in range(3)] + [f"middle.{i}" for i in range(8)] + ["exit.0"]


def layer_module(layer: str) -> str:
    if summed := re.fullmatch(r"add(?:_(\d+))?", layer):
        return BLOCKS[int(summed[1] or 0)]
    kind, number = re.fullmatch(r"block\d+_(conv|sepconv)(\d)_act", layer).groups()
    return f"stem.{int(number) - 1}" if kind == "conv" else f"exit.1.convs.{int(number) - 1}"


def build(source) -> Classifier:
    classifier = Classifier(create_encoder("xception", output_stride=32), num_classes=1000)
    assert load_weights(classifier, source).complete
    return classifier.eval()


@pytest.fixture(scope="module")
def classifier(keras_files):
    return build(keras_files / FILES[0])


@pytest.mark.parametrize("case", ["299x299_top1000", "229x229_notop_avg", "160x225_notop_avg"])
def test_every_layer(case, classifier, fixtures, relative_error):
    reference = np.load(fixtures / "keras" / f"keras_xception_{case}.npz")
    image = torch.from_numpy(reference["image_uint8"]).permute(0, 3, 1, 2).float() / 127.5 - 1
    outputs, handles = {}, []
    for name, module in classifier.encoder.named_modules():

        def keep(_, __, result, name=name):
            outputs[name] = result[0] if isinstance(result, tuple) else result

        handles.append(module.register_forward_hook(keep))
    with torch.no_grad():
        outputs["avg_pool"] = classifier.pooled(image)
        outputs["logits"] = classifier.linear(outputs["avg_pool"])
        outputs["probabilities"] = outputs["logits"].softmax(1)
    for handle in handles:
        handle.remove()
    checked = 0
    for key in reference.files:
        name, _, reduction = key.removeprefix("f64:").partition("@ch")
        if name in ("image_uint8", "preprocessed_head"):
            continue
        ours = outputs.get(name)
        if ours is None:
            ours = outputs[layer_module(name)].permute(0, 2, 3, 1)
        ours = ours.numpy()
        if reduction == "mean":
            ours = ours.mean((0, 1, 2), dtype=np.float64)
        elif reduction:
            ours = ours[..., :: int(reduction)]
        assert relative_error(ours, reference[key]) < TOLERANCE, key
        checked += 1
    assert checked >= 34


@pytest.mark.parametrize("name", FILES[1:])
def test_every_file_form_holds_the_same(name, classifier, keras_files):
    other = build(keras_files / name).state_dict()
    for key, value in classifier.state_dict().items():
        assert torch.equal(value, other[key]), key


def test_shortcuts_are_mapped_by_order_not_by_counter(classifier, keras_files, tmp_path):
    """A process that had built other layers before numbers them from there."""
    path = tmp_path / "renumbered.h5"
    path.write_bytes((keras_files / FILES[2]).read_bytes())
    with h5py.File(path, "r+") as file:
        renamed = {"conv2d": "conv2d_17", "batch_normalization": "batch_normalization_9"}
        renamed |= {f"conv2d_{i}": f"conv2d_{17 + i}" for i in (3, 2, 1)}
        renamed |= {f"batch_normalization_{i}": f"batch_normalization_{9 + i}" for i in (3, 2, 1)}
        for old, new in renamed.items():
            file.move(old, new)
            file[new].attrs["weight_names"] = [
                f"{old}/{name.split('/')[1]}" for name in file[new].attrs["weight_names"]
            ]
        names = [renamed.get(name, name) for name in file.attrs["layer_names"]]
        file.attrs["layer_names"] = names
    other = build(path).state_dict()
    assert all(torch.equal(value, other[k]) for k, value in classifier.state_dict().items())


def test_dilated_encoder_loads_the_same_file(keras_files):
    coverage = load_weights(create_encoder("xception", output_stride=8), keras_files / FILES[1])
    assert coverage.complete
    assert set(coverage.elsewhere) == {"linear.weight", "linear.bias"}
