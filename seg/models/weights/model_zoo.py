"""The model zoo: published checkpoints that can be loaded here, as their publishers describe them.

Accuracies: timm's ImageNet validation results; Keras Applications; tensorflow/models,
research/deeplab/g3doc/model_zoo.md.
"""

from dataclasses import dataclass
from typing import Literal

Content = Literal["encoder", "classifier", "deeplabv3plus"]


@dataclass(frozen=True)
class Published:
    """One checkpoint.

    Attributes:
        name: its own name, unique here.
        encoder: our name of the encoder it fills.
        source: for `load_weights`; if `by_hand`, the address of the file or archive to download
            (and unpack) first, whose SHA-256 the publisher does not state.
        holds: `encoder` alone, `classifier` (encoder and last layer), or `deeplabv3plus`.
        trained_on: data sets, in order.
        num_classes: of the last layer; None where there is none, or it is not published.
        top1_percent: ImageNet validation accuracy at 299 px, one crop.
        miou_percent: validation mIoU at output stride 16 and one scale, unless `note` says else.
        note: how the number was measured, where it is not as above.
        licence: of the weights, as their publisher states it; None where nobody does.
        md5: of the file, where the publisher states it.
        by_hand: see `source`.
        default: whether `encoder.weights=imagenet` means this one.
    """

    name: str
    encoder: str
    source: str
    holds: Content
    trained_on: str = "ImageNet-1k"
    num_classes: int | None = None
    top1_percent: float | None = None
    miou_percent: float | None = None
    note: str = ""
    licence: str | None = None
    md5: str | None = None
    by_hand: bool = False
    default: bool = False


_TENSORFLOW_ARCHIVES = "http://download.tensorflow.org/models/"
_KERAS_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/xception/"


def _timm(encoder: str, model: str, top1_percent: float, *, default: bool = False) -> Published:
    return Published(
        name=f"timm/{model}",
        encoder=encoder,
        source=f"timm/{model}",
        holds="classifier",
        num_classes=1000,
        top1_percent=top1_percent,
        licence="Apache-2.0",
        default=default,
    )


def _tensorflow_encoder(variant: int, archive: str) -> Published:
    return Published(
        name=f"tensorflow/xception_{variant}_imagenet",
        encoder=f"aligned_xception{variant}",
        source=_TENSORFLOW_ARCHIVES + archive,
        holds="encoder",
        by_hand=True,
    )


def _tensorflow_deeplab(  # noqa: PLR0917  # rows of one table
    name: str, archive: str, trained_on: str, num_classes: int, miou_percent: float, note: str = ""
) -> Published:
    return Published(
        name=f"tensorflow/{name}",
        encoder="aligned_xception65",
        source=_TENSORFLOW_ARCHIVES + archive,
        holds="deeplabv3plus",
        trained_on=trained_on,
        num_classes=num_classes,
        miou_percent=miou_percent,
        note=note,
        by_hand=True,
    )


def _keras(name: str, file: str, *, num_classes: int | None, md5: str) -> Published:
    return Published(
        name=f"keras/{name}",
        encoder="xception",
        source=_KERAS_FILES + file,
        holds="classifier" if num_classes else "encoder",
        num_classes=num_classes,
        top1_percent=79.0,
        md5=md5,
        by_hand=True,
    )


PUBLISHED: tuple[Published, ...] = (
    _timm("aligned_xception41", "xception41.tf_in1k", 78.55, default=True),
    _timm("aligned_xception65", "xception65.ra3_in1k", 83.19, default=True),
    _timm("aligned_xception65", "xception65.tf_in1k", 79.56),
    _timm("aligned_xception71", "xception71.tf_in1k", 79.92, default=True),
    _timm("aligned_xception41p", "xception41p.ra3_in1k", 81.98, default=True),
    _timm("aligned_xception65p", "xception65p.ra3_in1k", 83.16, default=True),
    _timm("legacy_xception", "legacy_xception.tf_in1k", 79.06, default=True),
    Published(
        name="smp/xception.imagenet",
        encoder="legacy_xception",
        source="hf://smp-hub/xception.imagenet@01cfaf27c11353b1f0c578e7e26d2c000ea91049",
        holds="classifier",
        num_classes=1000,
        note="smp's copy of Cadene's port",
    ),
    _keras(
        "xception",
        "xception_weights_tf_dim_ordering_tf_kernels.h5",
        num_classes=1000,
        md5="0a58e3b7378bc2990ea3b43d5981f1f6",
    ),
    _keras(
        "xception_notop",
        "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        num_classes=None,
        md5="b0042744bf5b25fce3cb969f33bebb97",
    ),
    _tensorflow_encoder(41, "xception_41_2018_05_09.tar.gz"),
    _tensorflow_encoder(65, "deeplabv3_xception_2018_01_04.tar.gz"),
    _tensorflow_encoder(71, "xception_71_2018_05_09.tar.gz"),
    _tensorflow_deeplab(
        "xception_cityscapes_trainfine",
        "deeplabv3_cityscapes_train_2018_02_06.tar.gz",
        "ImageNet-1k, Cityscapes train_fine",
        19,
        78.79,
    ),
    _tensorflow_deeplab(
        "xception_coco_voc_trainaug",
        "deeplabv3_pascal_train_aug_2018_01_04.tar.gz",
        "ImageNet-1k, COCO, VOC 2012 train_aug",
        21,
        82.20,
    ),
    _tensorflow_deeplab(
        "xception_coco_voc_trainval",
        "deeplabv3_pascal_trainval_2018_01_04.tar.gz",
        "ImageNet-1k, COCO, VOC 2012 train_aug and trainval",
        21,
        87.80,
        "VOC test, output stride 8, scales 0.5 to 1.75, flips",
    ),
    _tensorflow_deeplab(
        "xception_ade20k_train",
        "deeplabv3_xception_ade20k_train_2018_05_29.tar.gz",
        "ImageNet-1k, ADE20K train",
        151,
        45.65,
        "output stride 8, scales 0.5 to 1.75, flips",
    ),
)


def default_source(encoder_name: str) -> str | None:
    """Return the source of `encoder.weights=imagenet`; None where nothing is published."""
    # timm's port has Keras' own tensors, with which our `xception` computes the same as Keras
    name = "legacy_xception" if encoder_name == "xception" else encoder_name
    sources = (
        checkpoint.source
        for checkpoint in PUBLISHED
        if checkpoint.default and checkpoint.encoder == name
    )
    return next(sources, None)
