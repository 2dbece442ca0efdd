"""Keras files of Xception with further layers on top, flat or nested, written by Keras itself."""

import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from seg.models.encoders import create_encoder
from seg.models.weights import Coverage, load_weights

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "torch", reason="Keras runs on another backend than torch here"
    ),
    # Keras itself, as it hands torch tensors to numpy 2
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

TOLERANCE = 1e-4
SMALLEST_OUTPUT = 0.01  # below it the comparison would see little of the network
HEIGHT, WIDTH = 75, 80
FROZEN = ("block1_conv1_bn", "block3_sepconv1_bn", "block14_sepconv2_bn")
BUILT_BEFORE = 17
FORMS = (".weights.h5", ".keras", ".h5")
HEADS = {
    "pooled": [("features", 256), ("scores", 7)],
    "one_dense": [("scores", 7)],
    "convolved": [("context", 64), ("context_bn", None)],
    "like_the_stem": [("narrow", 32), ("narrow_bn", None)],
}
# what Keras calls those layers where it only counts layers of a class: in one model, nested
COUNTED = {
    "pooled": (["dense", "dense_1"], ["dense", "dense_1"]),
    "one_dense": ([], []),
    "convolved": (["conv2d_6", "batch_normalization_40"], ["conv2d", "batch_normalization"]),
    "like_the_stem": (["conv2d_6", "batch_normalization_40"], ["conv2d", "batch_normalization"]),
}
EVERYDAY = {
    ("pooled", "flat", ".weights.h5"),
    ("convolved", "flat", ".h5"),
    ("pooled", "nested", ".h5"),
    ("convolved", "nested", ".keras"),
    ("like_the_stem", "nested", ".weights.h5"),
}
CASES = [
    pytest.param(case, marks=() if case in EVERYDAY else pytest.mark.slow, id="-".join(case))
    for case in product(HEADS, ("flat", "nested"), FORMS)
]


def randomise(model, seed: int = 0) -> None:
    """Norms that differ from each other in all four arrays; kernels are random already."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            width = layer.gamma.shape[0]
            scale, variance = rng.uniform(0.8, 1.2, width), rng.uniform(0.5, 1.5, width)
            layer.set_weights([scale, *rng.normal(0, 0.1, (2, width)), variance])


@pytest.fixture(scope="module")
def base():
    """Keras' Xception without top, built after other layers: its shortcuts count from there."""
    keras.utils.set_random_seed(0)
    for _ in range(BUILT_BEFORE):
        keras.layers.Conv2D(1, 1), keras.layers.BatchNormalization()
    model = keras.applications.Xception(
        weights=None, include_top=False, input_shape=(HEIGHT, WIDTH, 3), name="xception"
    )
    randomise(model)
    counts = [int(layer.name[7:]) for layer in model.layers if layer.name.startswith("conv2d_")]
    assert len(counts) == 4
    assert min(counts) >= BUILT_BEFORE
    return model


def extend(base, head: str, wiring: str):
    """The base with a head: one model of all layers, or a model that holds the base as a layer."""
    if wiring == "flat":
        image, x = base.input, base.output
    else:
        image = keras.Input((HEIGHT, WIDTH, 3))
        x = base(image)
    layers = HEADS[head]
    if layers[-1][1] is None:
        (conv, width), (norm, _) = layers
        biased = head == "convolved"
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=biased, name=conv)(x)
        return keras.Model(image, keras.layers.BatchNormalization(name=norm)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    for name, width in layers:
        x = keras.layers.Dense(width, name=name)(x)
    return keras.Model(image, x)


def save(model, path) -> None:
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)


@pytest.fixture(scope="module")
def load(base, relative_error):
    """Loads a file, which must give the base's own outputs, and deletes it (85 MB each)."""
    image_BCHW = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.manual_seed(0)) * 2 - 1
    with torch.no_grad():
        reference_BHWC = base(image_BCHW.permute(0, 2, 3, 1), training=False).cpu()
    assert reference_BHWC.abs().max() > SMALLEST_OUTPUT

    def load_and_compare(path: Path) -> Coverage:
        encoder = create_encoder("xception", output_stride=32).eval()
        coverage = load_weights(encoder, path)
        path.unlink()
        tensors = {f"encoder.{name}" for name in encoder.state_dict() if "num_batches" not in name}
        assert set(coverage.loaded) == tensors
        assert coverage.complete
        with torch.no_grad():
            ours_BHWC = encoder(image_BCHW)[-1].permute(0, 2, 3, 1)
        assert relative_error(ours_BHWC, reference_BHWC) < TOLERANCE
        return coverage

    return load_and_compare


@pytest.mark.parametrize("case", CASES)
def test_layers_on_top(case, base, load, tmp_path):
    """Every encoder tensor is Keras' own; the layers on top are named and left out."""
    head, wiring, form = case
    path = tmp_path / f"model{form}"
    save(extend(base, head, wiring), path)
    coverage = load(path)
    by_name = [name for name, _ in HEADS[head]]
    expected = by_name if form == ".h5" else COUNTED[head][wiring == "nested"]
    assert sorted(coverage.ignored) == sorted(expected)
    # one dense layer on pooled features, not named, is what Keras' own top looks like
    assert coverage.elsewhere == (() if expected else ("linear.weight", "linear.bias"))


@pytest.mark.parametrize("frozen", ["some norms", pytest.param("all", marks=pytest.mark.slow)])
def test_frozen_base(frozen, base, load, tmp_path):
    """Older files list what is not trained after the rest, so freezing moves arrays in them."""
    layers = [layer for layer in base.layers if frozen == "all" or layer.name in FROZEN]
    assert len(layers) >= len(FROZEN)
    path = tmp_path / "model.h5"
    try:
        for layer in layers:
            layer.trainable = False
        save(extend(base, "pooled", "nested"), path)
    finally:
        for layer in layers:
            layer.trainable = True
    assert load(path).ignored == ("features", "scores")
