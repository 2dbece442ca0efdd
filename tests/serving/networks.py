"""A small network with random weights, as a server has it."""

import torch

import seg
from seg.inference.segmentation_model import TrainedSegmenter


def small_network(num_classes: int = 4) -> TrainedSegmenter:
    """Return a network for inference whose classes are all predicted somewhere."""
    torch.manual_seed(0)
    parts = seg.create_model("aligned_xception_micro", num_classes=num_classes)
    names = tuple(f"class {number}" for number in range(num_classes))
    palette = tuple((number, 2 * number, 255 - number) for number in range(num_classes))
    labels = seg.LabelSpace.identity(names, palette)
    return TrainedSegmenter(parts.encoder, parts.decoder, labels).eval()
