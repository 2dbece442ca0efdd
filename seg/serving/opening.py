"""Opening of the networks that are served."""

from pathlib import Path
from typing import Any

import numpy as np

from seg.build.instantiate import build
from seg.build.models import open_model, read_trained
from seg.config.serve import ServeConfig
from seg.deployment.loading import Export, choose_engine
from seg.inference.device import choose_device
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.weights.torch_file import find_checkpoint
from seg.serving.service import Service, Services
from seg.training.checkpoint import Checkpoint

_WARM_UP_PX = (360, 480)
_MADE_OF_RUNS = {"checkpoints", "export"}


def open_services(config: ServeConfig) -> Services:
    """Open the networks of a configuration, warm.

    Raises:
        DataError, ConfigError: see `seg.build.models.load_model`.
    """
    default = _open(config, config.checkpoint, config.name or _name(config.checkpoint))
    if config.compare is None:
        return Services(default)
    name = _name(config.compare)
    return Services(
        default, _open(config, config.compare, name if name != default.name else f"{name}_2")
    )


def _name(checkpoint: Path) -> str:
    """Return the name of the run of a checkpoint."""
    path = checkpoint.absolute()
    parents = [each for each in (path, *path.parents) if each.is_dir()]
    return next(each.name for each in parents if each.name not in _MADE_OF_RUNS)


def _open(config: ServeConfig, path: Path, name: str) -> Service:
    device = choose_device(config.device)
    file = find_checkpoint(path)
    if file is not None:
        path = choose_engine(file, config.engine, device=device.type, trust=config.trust)
    source = read_trained(path, trust=config.trust, plugins=config.plugins)
    model = open_model(source)
    if isinstance(model, TrainedSegmenter):
        decoding = model.decoding
        model = model.optimize()
        model.decoding = decoding
    service = Service(
        name,
        model.to(device),
        build("inference", config.inference.node()),
        _card(name, source),
        max_pixels=config.max_pixels,
    )
    service.warm_up(np.zeros((*_WARM_UP_PX, model.decoding.channels), model.decoding.dtype))
    return service


def _card(name: str, source: Checkpoint | Export) -> dict[str, Any]:
    labels = source.labels
    return {
        "name": name,
        "engine": source.engine if isinstance(source, Export) else "torch",
        "step": source.step,
        "classes": list(labels.names),
        "palette": [list(color) for color in labels.palette],
        "ignore_index": labels.ignore_index,
    }
