"""Small networks and runs that the tests of this room share."""

import torch
from torch import nn

from seg.data.label_space import LabelSpace
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.interfaces import Normalization
from tests import assembled

LABELS = LabelSpace.identity(("a", "b", "c"), ((0, 0, 0), (9, 9, 9), (99, 99, 99)))


class Pyramid(nn.Module):
    """An encoder of pointwise convolutions: the image, then maps of the given strides."""

    normalization = Normalization()

    def __init__(self, *strides, width=4):
        super().__init__()
        self.strides = (1, *strides)
        self.channels = (3, *(width for _ in strides))
        self.output_stride = strides[-1]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3, width, 1, stride=stride), nn.BatchNorm2d(width), nn.Tanh())
            for stride in strides
        )

    def forward(self, image):
        return [image, *(layer(image) for layer in self.layers)]


class Pointwise(nn.Module):
    """A decoder of one pointwise convolution on the last map."""

    def __init__(self, encoder, num_classes):
        super().__init__()
        self.num_classes = num_classes
        self.logits = nn.Conv2d(encoder.channels[-1], num_classes, 1)

    def forward(self, maps):
        return self.logits(maps[-1])


def segmenter(*strides, seed=0, width=4, labels=LABELS):
    torch.manual_seed(seed)
    encoder = Pyramid(*strides, width=width)
    return TrainedSegmenter(encoder, Pointwise(encoder, labels.num_classes), labels)


def pictures(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (shape[0], 3, *shape[1:]), dtype=torch.uint8, generator=generator)


def parts_of(run_dir, *overrides):
    """A run of the command's own parts, without progress and dropout."""
    return assembled.parts_of(run_dir, "decoder.dropout=0", *overrides)
