"""`encoder.safetensors` of a trained encoder under our names, with a card beside it."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

import seg
from seg.io.atomic import write_atomically, write_json
from seg.models.weights import bands_of, target_tensors
from seg.models.weights.safetensors_file import ENCODER_IN_DIRECTORY, facts_header

_TOOLS = ("torch", "safetensors", "numpy")
_IN_HEADER = ("encoder", "normalization", "classes", "origin", "input_bands")


def write_with_card(
    path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]
) -> dict[str, Any]:
    """Write a `.safetensors` file and its card, with the suffix `.json`.

    Args:
        path: the file.
        tensors: in any memory format, on any device.
        card: facts about them; `encoder`, `normalization`, `classes` and `origin` are required
            and go into the file's header too.

    Returns:
        the card as written, with the versions of the tools.
    """
    tools = {"seg": seg.__version__, **{name: version(name) for name in _TOOLS}}
    plain = {  # the format knows no memory format such as channels_last, and no shared storage
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    header = facts_header({key: card[key] for key in _IN_HEADER if key in card}, plain)
    write_atomically(path, lambda file: file.write(save(plain, header)))
    complete = {**card, "tools": tools}
    write_json(path.with_suffix(".json"), complete)
    return complete


def write_encoder(encoder: nn.Module, run_dir: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the encoder of a run; `encoder.weights=RUN_DIR` finds it.

    Args:
        encoder: the trained network.
        run_dir: where `encoder.safetensors` and `encoder.json` go.
        facts: further facts of the card; `encoder`, `classes` and `origin` are required.

    Returns:
        the card.
    """
    normalized: Any = encoder
    tensors = target_tensors(encoder)
    card = {
        **facts,
        "normalization": normalized.normalization.to_dict(),
        "input_bands": list(bands_of(encoder)),
        "tensors": len(tensors),
        "parameters": sum(each.numel() for each in encoder.parameters()),
    }
    return write_with_card(run_dir / ENCODER_IN_DIRECTORY, tensors, card)
