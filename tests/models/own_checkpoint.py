"""A checkpoint as training writes it, of a small network."""

from pathlib import Path

import torch

from seg.data.label_space import LabelSpace
from seg.models.segmenter import create_model
from seg.training.checkpoint import AtomicCheckpointIO

ENCODER = "aligned_xception_micro"


def own_checkpoint(path: Path, **config: object) -> dict:
    """A checkpoint as training writes it, of a small network."""
    model = create_model(ENCODER, "feature_pyramid", num_classes=2)
    labels = LabelSpace.identity(("road", "sky"), ((1, 2, 3), (4, 5, 6)))
    own = {"format": 1, "config": config, "labels": labels.to_dict()}
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    content = {"state_dict": state, "seg": own, "optimizer_states": [{"state": {0: torch.ones(3)}}]}
    AtomicCheckpointIO().save_checkpoint(content, path)
    return content
