"""A small network with all that makes graphs difficult, and pictures for it."""

import torch
from torch import nn

from seg.data.datasets.streets import Streets
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.deployment.calibration import spread
from seg.deployment.exporter import ExportRequest, export, file_name
from seg.deployment.metadata import Card, ExportSpec, SourceCheckpoint
from seg.deployment.parity import Tolerance
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.blocks import SeparableConv2d, XceptionModule
from seg.models.decoders.deeplabv3plus import DeepLabV3Plus
from seg.models.interfaces import Normalization
from tests.models.conftest import settled

SIZE = (65, 97)
TOLERANCE = Tolerance(0.999, 0.1, 0.01)
ORIGIN = SourceCheckpoint(sha256="0" * 64, step=7, config={"seed": 0})


class SmallEncoder(nn.Module):
    """Strides 2, 4 and 8; a residual module, dilation, and a norm of its own for the input."""

    strides = (1, 2, 4, 8)
    output_stride = 8

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.channels = (in_channels, 8, 12, 16)
        norm = Normalization((0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
        self.normalization = norm.for_channels(in_channels)
        self.stem = SeparableConv2d(in_channels, 8, stride=2, norm_eps=1e-3, activation=True)
        self.entry = XceptionModule(
            8, (8, 12), skip="conv", stride=2, dilations=(1, 1), norm_eps=1e-3
        )
        self.exit = SeparableConv2d(12, 16, stride=2, norm_eps=1e-3, activation=True)
        self.parts = (self.stem, self.entry, self.exit)

    def forward(self, image_BCHW):
        first = self.stem(image_BCHW)
        second, _ = self.entry(first)
        return [image_BCHW, first, second, self.exit(second)]


def small_network(seed: int = 0, decoding: ImageDecoding = PLAIN) -> TrainedSegmenter:
    torch.manual_seed(seed)
    encoder = SmallEncoder(decoding.channels)
    labels = pictures(1).labels
    decoder = DeepLabV3Plus(
        encoder,
        num_classes=labels.num_classes,
        aspp_channels=8,
        decoder_channels=8,
        low_level_channels=4,
        atrous_rates=(2, 3),
    )
    network = settled(TrainedSegmenter(encoder, decoder, labels))
    network.decoding = decoding
    return network


def pictures(count: int = 4, split: str = "val") -> Streets:
    return Streets(split=split, size=SIZE, **{f"{split}_length": count})


def samples(count: int = 4, split: str = "val"):
    data = pictures(count, split)
    return [data[index] for index in range(count)]


def card_of(network, **spec) -> Card:
    """The card that an export of a network would have."""
    return Card(
        format="onnx",
        files={},
        spec=ExportSpec(precision="fp32", **spec),
        geometry={
            "output_stride": network.output_stride,
            "input_multiple": network.input_multiple,
            "align_corners": network.align_corners,
            "bytes_per_pixel": 9.5,
        },
        checkpoint=ORIGIN,
        labels=network.labels,
        normalization=network.normalization,
        kept_float=[],
        parity={},
        versions={},
        created="2026-01-31",
    )


def exported(folder, format_name, network=None, *, tolerance=TOLERANCE, **spec):
    """Export the small network; the file."""
    wanted = ExportRequest(format_name, ExportSpec(**{"precision": "fp32", **spec}), tolerance, 0.9)
    path = folder / file_name(wanted)
    checked, calibration = (
        spread(pictures(4, split), None, wanted.spec.size, pictures(1).labels.ignore_index)
        for split in ("val", "train")
    )
    export(
        network or small_network(), ORIGIN, wanted, path, checked=checked, calibration=calibration
    )
    return path
