"""Classifiers that Xception is compared with: their cost and published accuracy, as a table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from seg.models.classifier import Classifier
from seg.models.encoders import create_encoder
from seg.models.weights.model_zoo import PUBLISHED
from seg.profiling.flops import count

_CLASSES = 1000
_OURS_PX = 299
_OURS = (
    "aligned_xception41",
    "aligned_xception65",
    "aligned_xception71",
    "aligned_xception41p",
    "aligned_xception65p",
    "xception",
)
# the encoders' names there; the first published weights of each
_TORCHVISION = {
    "vgg16": 224,
    "vgg16_bn": 224,
    "vgg19_bn": 224,
    "resnet50": 224,
    "resnet101": 224,
    "resnet152": 224,
    "googlenet": 224,
    "inception_v3": 299,
}
# top-1 of one crop by the TensorFlow release: tensorflow/models, research/slim
_TIMM = {"inception_v4": 80.2, "inception_resnet_v2": 80.4}
_KERAS_XCEPTION = 79.0  # Chollet 2017, table 1, and Keras Applications


@dataclass(frozen=True)
class Classification:
    """Classifier with its cost and published accuracy.

    Attributes:
        name: of the encoder.
        image_px: side of the image that is counted, which is the published accuracy's.
        parameters: with its classifier of 1000 classes.
        multiply_adds: of one image.
        top1_percent: ImageNet validation, one crop; None: not published.
        source: of the accuracy.
    """

    name: str
    image_px: int
    parameters: int
    multiply_adds: int
    top1_percent: float | None
    source: str


def classifications() -> list[Classification]:
    """Count all classifiers; return them by multiply-adds, ascending."""
    networks = [*_others(), *_ours()]
    return sorted(networks, key=lambda each: each.multiply_adds)


def _counted(
    name: str, build: Callable[[], nn.Module], image_px: int, top1: float | None, source: str
) -> Classification:
    with torch.device("meta"):  # shapes alone: some have 140 million parameters
        network = build()
    cost = count(network, (1, 3, image_px, image_px))
    return Classification(name, image_px, cost.parameters, cost.multiply_adds, top1, source)


def _others() -> Iterator[Classification]:
    import timm
    from torchvision.models import get_model, get_model_weights

    for name, image_px in _TORCHVISION.items():
        weights = next(iter(get_model_weights(name)))
        top1 = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
        options = {}
        if name in ("googlenet", "inception_v3"):
            options = {"aux_logits": False, "init_weights": False}
        build = partial(get_model, name, weights=None, **options)
        yield _counted(name, build, image_px, top1, f"torchvision, {weights.name}")
    for name, top1 in _TIMM.items():
        build = partial(timm.create_model, name, num_classes=_CLASSES)
        yield _counted(name, build, _OURS_PX, top1, "TensorFlow slim")


def _ours() -> Iterator[Classification]:
    classifiers = [each for each in PUBLISHED if each.holds == "classifier"]
    published = {each.encoder: each for each in classifiers if each.default}
    # the recipe of the release, which is nearer to the other networks' than timm's newer one
    published |= {each.encoder: each for each in classifiers if ".tf_" in each.name}
    for name in _OURS:
        weights = published.get(name)
        top1 = weights.top1_percent if weights else _KERAS_XCEPTION
        source = weights.name if weights else "Chollet 2017, table 1"
        yield _counted(name, partial(_classifier, name), _OURS_PX, top1, source)


def _classifier(name: str) -> nn.Module:
    return Classifier(create_encoder(name, output_stride=32), num_classes=_CLASSES)


def encoders_table(networks: Sequence[Classification]) -> str:
    """Format classifiers, the cheapest first."""
    lines = [
        "| classifier | image | parameters | multiply-adds | top-1 | source |",
        "|---|---|---|---|---|---|",
    ]
    for each in networks:
        top1 = "" if each.top1_percent is None else f"{each.top1_percent:.2f}"
        lines.append(
            f"| {each.name} | {each.image_px} px | {each.parameters / 1e6:.2f} M |"
            f" {each.multiply_adds / 1e9:.2f} G | {top1} | {each.source} |"
        )
    return "\n".join(lines)
