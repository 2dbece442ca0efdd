"""Export of a trained model in the format of segmentation-models-pytorch (`from_pretrained`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file
from torch import nn

from seg.build.models import restore, training_config
from seg.config.schema import TrainConfig
from seg.errors import ConfigError, DataError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.io.atomic import write_json
from seg.models.decoders.smp import create_smp_decoder, stride_option
from seg.models.encoders import SMP_NAMES, create_encoder, encoder_names, register_in_smp
from seg.models.encoders.smp_encoder import create_smp_encoder
from seg.models.weights.digests import sealed
from seg.models.weights.safetensors_file import FACTS_IN_DIRECTORY
from seg.training.checkpoint import read_checkpoint

_TOLERANCE = 1e-5
_SIDE_PX = 256
_TO_SMP = {
    "encoder.body.": "encoder.",
    "decoder.decoder.": "decoder.",
    "decoder.segmentation_head.": "segmentation_head.",
}


def write_smp_directory(run: Path, output: Path) -> None:
    """Write `config.json`, `model.safetensors` and our own `seg.json` into `output`.

    An encoder of ours loads there after `seg.models.encoders.register_in_smp()`.

    Args:
        run: a run directory or a checkpoint, whose decoder is one of smp's (`decoder=smp`).
        output: a directory that does not exist yet.

    Raises:
        ConfigError: the directory exists.
        DataError: a network that smp does not have, or computes in another way.
    """
    if output.exists():
        raise ConfigError(f"output={output}: exists already; choose another name, or move it away")
    register_in_smp()
    checkpoint = read_checkpoint(run)
    config = training_config(checkpoint, TrainConfig)
    encoder, decoder = config.encoder.node(), config.decoder.node()
    if not (_builds(decoder, create_smp_decoder) and _has_name(encoder)):
        names = [node.get("name", node["_target_"]) for node in (encoder, decoder)]
        raise DataError(
            f"{checkpoint.path}: {' under '.join(names)} is no network of smp; "
            "train with decoder=smp and an encoder of ours or encoder=smp"
        )
    ours = restore(checkpoint)
    theirs = _smp_model(ours, encoder, decoder, run)
    _require_equal(ours, theirs, run)
    theirs.save_pretrained(output)
    facts = {"classes": list(ours.classes), "normalization": ours.normalization.to_dict()}
    write_json(output / FACTS_IN_DIRECTORY, sealed(facts, load_file(output / "model.safetensors")))


def _smp_model(
    ours: TrainedSegmenter, encoder: Mapping[str, Any], decoder: Mapping[str, Any], run: Path
) -> Any:
    """Build smp's own model of the same network, with the same tensors."""
    options = {key: value for key, value in decoder.items() if key not in ("_target_", "name")}
    options |= stride_option(getattr(smp, decoder["name"]), ours.output_stride)
    theirs = smp.create_model(
        decoder["name"],
        encoder_name=SMP_NAMES.get(encoder["name"], encoder["name"]),
        encoder_weights=None,
        classes=ours.num_classes,
        **options,
    )
    state = {}
    for name, tensor in ours.state_dict().items():
        prefix = next((prefix for prefix in _TO_SMP if name.startswith(prefix)), "")
        state[_TO_SMP.get(prefix, "") + name.removeprefix(prefix)] = tensor
    try:
        theirs.load_state_dict(state)
    except RuntimeError as error:
        detail = "\n".join(str(error).splitlines()[:4])
        raise DataError(f"{run}: smp builds this network otherwise\n{detail}") from None
    return theirs.eval()


def _builds(node: Mapping[str, Any], builder: Any) -> bool:
    """Return whether a node's `_target_` is this function."""
    return bool(node["_target_"] == f"{builder.__module__}.{builder.__name__}")


def _has_name(encoder: Mapping[str, Any]) -> bool:
    """Return whether smp knows the encoder: one of its own, or one of ours that it lists."""
    name = encoder.get("name")
    known = name in encoder_names() and SMP_NAMES.get(name, name) in smp.encoders.encoders
    return (known and _builds(encoder, create_encoder)) or _builds(encoder, create_smp_encoder)


def _require_equal(ours: TrainedSegmenter, theirs: nn.Module, run: Path) -> None:
    """Refuse a network whose logits in smp differ from ours on a random image."""
    image = torch.randn(1, 3, _SIDE_PX, _SIDE_PX, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        mine, other = ours(image), theirs(image)
    error = ((mine - other).abs().max() / other.abs().max().clamp(min=1e-30)).item()
    if error > _TOLERANCE:
        raise DataError(
            f"{run}: smp computes other logits from the same weights (relative error {error:.1g}), "
            "since it builds this encoder at another output stride; "
            "train with encoder.output_stride=32, or 16 for DeepLabV3Plus"
        )
