"""Networks with seeded values in every tensor, and our own checkpoint of one."""

import torch

from seg.data.label_space import LabelSpace
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.segmenter import create_model
from seg.models.weights.torch_file import CHECKPOINT_KEY

SMALL = "aligned_xception_tiny"
COLORS = ((1, 2, 3), (4, 5, 6), (7, 8, 9))


def randomised(module):
    """Other values in every tensor, running statistics included."""
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.1, 1)
    return module


def equal(ours, theirs):
    pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs if a.is_floating_point())


def trained(names=("road", "sky", "car"), seed=0):
    torch.manual_seed(seed)
    model = create_model(SMALL, num_classes=len(names))
    labels = LabelSpace.identity(names, COLORS[: len(names)])
    return TrainedSegmenter(model.encoder, model.decoder, labels)


def save_own(model, path):
    """A checkpoint as training writes it."""
    own = {
        "format": 1,
        "config": {},
        "labels": model.labels.to_dict(),
        "normalization": model.normalization.to_dict(),
    }
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": {**state, "loss.weight": torch.ones(3)}, CHECKPOINT_KEY: own}, path)
