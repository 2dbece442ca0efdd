"""A checkpoint as training writes it, damage to a file, and its refusal."""

from pathlib import Path

import pytest
import torch

from seg.data.label_space import LabelSpace
from seg.errors import DataError
from seg.models.segmenter import create_model
from seg.models.weights.format import read_weights
from seg.training.checkpoint_io import AtomicCheckpointIO

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


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_weights(path)
    message = str(error.value)
    assert path.name in message
    assert len(message.splitlines()) <= 6
    return message


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
