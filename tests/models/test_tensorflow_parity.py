"""The TensorFlow DeepLab's own numbers, end point by end point."""

import re
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from seg.models.blocks import resize
from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.models.interfaces import Normalization
from seg.models.segmenter import create_model
from seg.models.weights import load_weights

TOLERANCE = 1e-4
CASES = {
    "os16_128x192": {},
    "os16_129x129": {},
    "os16_129x129_multigrid124": {
        "encoder_options": {"multi_grid": (1, 2, 4)},
        "decoder_options": {"atrous_rates": (6, 12, 18)},
    },
    "os16_161x225_pool129_s1": {"decoder_options": {"image_pool_crop": 129}},
    "os16_161x225_pool129_s45": {
        "decoder_options": {"image_pool_crop": 129, "image_pool_stride": (4, 5)}
    },
    "os16_b2_97x140_cropnone": {},
    "os8_128x192": {"output_stride": 8},
    "os8_129x129": {"output_stride": 8},
}
# the rest of what a fixture may name, and the module of ours that computes it
MODULES = {
    "features": "encoder.exit.1",
    "image_pooling": "decoder.aspp.image_pooling.project",
    "aspp1_depthwise": "decoder.aspp.atrous.0.depthwise",
    "aspp_out": "decoder.aspp",
    "decoder/feature_projection0": "decoder.low_level",
    "decoder/decoder_conv0_pointwise": "decoder.fuse.0",
    "decoder_out": "decoder.fuse",
    "lowlevel": "encoder.entry.1.convs.1",
    "logits": "decoder.logits",
}
INPUTS = {"aspp_concat": "decoder.aspp.projection", "decoder_concat": "decoder.fuse"}


def end_point_module(name: str) -> str:
    if root := re.fullmatch(r"entry_flow/conv1_([12])", name):
        return f"encoder.stem.{int(root[1]) - 1}"
    match = re.fullmatch(r"(\w+)_flow/block(\d)(?:/unit_(\d+)/xception_module(?:/(\w+))?)?", name)
    flow, block, unit, layer = match.groups()
    index = int(unit or 8) - 1 if flow == "middle" else int(block) - 1
    module = f"encoder.{flow}.{index}"
    if layer == "shortcut":
        return f"{module}.skip"
    if layer:
        number, kind = re.fullmatch(r"separable_conv(\d)_(\w+)", layer).groups()
        return f"{module}.convs.{int(number) - 1}.{kind}"
    return module


@pytest.fixture(scope="module")
def build(tensorflow_checkpoint):
    @cache
    def load(case: str) -> nn.Module:
        model = create_model(
            "aligned_xception41", num_classes=19, pad_to_grid=False, **CASES.get(case, {})
        )
        assert load_weights(model, tensorflow_checkpoint).complete
        return model.eval()

    return lambda case: load(case if CASES.get(case) else "plain")


def record(model: nn.Module, image_BCHW):
    """Every module's output, and every module's input, by name."""
    outputs, inputs, handles = {}, {}, []
    for name, module in model.named_modules():

        def keep(_, given, result, name=name):
            inputs[name] = given[0]
            outputs[name] = result[0] if isinstance(result, tuple) else result

        handles.append(module.register_forward_hook(keep))
    with torch.no_grad():
        model(image_BCHW)
    for handle in handles:
        handle.remove()
    return outputs, inputs


def nhwc(tensor):
    return tensor.permute(0, 2, 3, 1).numpy()


def ours_for(key: str, outputs, inputs):
    name, _, reduction = key.removeprefix("f64:").partition("@")
    if name == "preprocessed":
        array = nhwc(inputs["encoder"])
    elif name == "logits_up":
        array = nhwc(outputs[""])
    elif name in INPUTS:
        array = nhwc(inputs[INPUTS[name]])
    else:
        module = MODULES.get(name) or end_point_module(name.removeprefix("ep:"))
        array = nhwc(outputs[module])
    if reduction == "s4":
        return array[:, 1::4, 2::4]
    if reduction == "chmean":
        return array.mean((0, 1, 2), dtype=np.float64)
    if reduction == "chstd":
        return array.std((0, 1, 2), dtype=np.float64)
    return array[..., :: int(reduction.removeprefix("ch") or 1)]


def preprocess(image_BHWC, dtype=torch.float32):
    image = Normalization()(torch.from_numpy(image_BHWC).permute(0, 3, 1, 2))
    return image.to(dtype)


@pytest.mark.parametrize("case", CASES)
def test_every_end_point(case, build, fixtures, relative_error):
    reference = np.load(fixtures / "tensorflow" / f"xception_41_{case}.npz")
    outputs, inputs = record(build(case), preprocess(reference["image_uint8"]))
    keys = [key for key in reference.files if key not in ("image_uint8", "argmax_up")]
    errors = {key: relative_error(ours_for(key, outputs, inputs), reference[key]) for key in keys}
    assert len(errors) >= 6
    assert {key: error for key, error in errors.items() if not error < TOLERANCE} == {}
    labels = outputs[""].argmax(1).numpy()
    assert (labels == reference["argmax_up"]).mean() > 0.999


@pytest.mark.parametrize(
    "case",
    [
        "os16_129x129",
        pytest.param("os16_128x192", marks=pytest.mark.slow),
        pytest.param("os8_129x129", marks=pytest.mark.slow),
    ],
)
def test_double_precision(case, build, fixtures, relative_error):
    reference = np.load(fixtures / "tensorflow" / f"xception_41_{case}.npz")
    image = reference["image_uint8"].astype(np.float32) * np.float32(2 / 255) - np.float32(1)
    model = build(case).double()
    try:
        outputs, inputs = record(model, torch.from_numpy(image).permute(0, 3, 1, 2).double())
    finally:
        model.float()
    for key in (key for key in reference.files if key.startswith("f64:")):
        assert relative_error(ours_for(key, outputs, inputs), reference[key]) < 1e-6


def test_without_decoder(tensorflow_checkpoint, fixtures, relative_error):
    reference = np.load(fixtures / "tensorflow" / "xception_41_os16_129x129_nodecoder.npz")
    model = create_model("aligned_xception41", decoder_options={"low_level_stride": None}).eval()
    coverage = load_weights(model, tensorflow_checkpoint, strict=False)
    assert not coverage.missing
    assert {name.split(".")[1] for name in coverage.unexpected} == {"low_level", "fuse"}
    outputs, inputs = record(model, preprocess(reference["image_uint8"]))
    for key in reference.files:
        if key not in ("image_uint8", "argmax_up"):
            assert relative_error(ours_for(key, outputs, inputs), reference[key]) < TOLERANCE, key


def test_multiscale_flip(build, fixtures, relative_error):
    reference = np.load(fixtures / "tensorflow" / "xception_41_os16_129x129_multiscale_flip.npz")
    model, image = build("os16_129x129"), preprocess(reference["image_uint8"])
    height, width = image.shape[2:]
    total = torch.zeros(())
    with torch.no_grad():
        for scale in reference["scales"]:
            sizes = [int((side - 1) * scale + 1) for side in (height, width)]
            scaled = resize(image, sizes)
            for flipped in (False, True):
                logits = model.coarse_logits(scaled.flip(3) if flipped else scaled)
                upsampled = resize(logits.flip(3) if flipped else logits, (height, width))
                total = total + upsampled.softmax(1)
    mean = nhwc(total / (2 * len(reference["scales"])))[:, 1::4, 2::4]
    assert relative_error(mean, reference["avg_softmax@s4"]) < TOLERANCE


@pytest.mark.parametrize("size", ["129x129", "160x224"])
def test_classifier(size, tensorflow_checkpoint, unpacked, fixtures, relative_error):
    reference = np.load(fixtures / "tensorflow" / "xception_41_classifier1001.npz")
    encoder = create_encoder("aligned_xception41", output_stride=32)
    classifier = Classifier(encoder, num_classes=1001).eval()
    assert load_weights(classifier, tensorflow_checkpoint, strict=False).missing == (
        "linear.weight",
        "linear.bias",
    )
    head = unpacked("tensorflow/tf_ckpt_xception_41_cls_logits.tar.xz")
    coverage = load_weights(classifier, head / "xception_41_cls_logits", strict=False)
    assert coverage.loaded == ("linear.weight", "linear.bias")
    image = preprocess(reference[f"{size}:image_uint8"])
    with torch.no_grad():
        pooled, logits = classifier.pooled(image), classifier(image)
        last = encoder(image)[-1]
    assert nhwc(last).shape == tuple(reference[f"{size}:last_shape"])
    assert relative_error(pooled, reference[f"{size}:global_pool"][:, 0, 0]) < TOLERANCE
    assert relative_error(logits, reference[f"{size}:logits"][:, 0, 0]) < TOLERANCE
    assert relative_error(logits.softmax(1), reference[f"{size}:predictions"][:, 0, 0]) < TOLERANCE
