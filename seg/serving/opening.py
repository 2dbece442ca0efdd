"""Opening of the networks that are served: the fastest engine, warm, on all cores."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

import torch

from seg.build.instantiate import build
from seg.build.models import open_model, read_trained
from seg.config.serve import ServeConfig
from seg.deployment.format_interface import Cores
from seg.deployment.loading import Export, choose_engine, usable_exports
from seg.errors import DataError, UserError
from seg.inference.device import choose_device
from seg.inference.image_model import ImageModel
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.checkpoint_file import find_checkpoint
from seg.serving.batching import batched
from seg.serving.card import model_card, run_directory
from seg.serving.service import Service, Services
from seg.serving.workers import Workers

log = logging.getLogger(__name__)
# JPEGs of 360 x 480 through the network of camvid_cpu on two AVX-512 cores, images/s by two workers
# of a thread and by one of two: OpenVINO 22 and 19, ONNX Runtime 20 and 7.5, torch 18 and 18. These
# are single runs beside other processes: the order of the first two may change on a quiet machine.
# More than four images at a time are not tried: each has its own activations.
_MOST_WORKERS = 4
# Even small logits, then those that a compiled loop resizes.
_WARM_UP_PX = ((360, 480), (720, 960))
_TIMED_PX = (360, 480)
_TIMED_PASSES = 5


def open_services(config: ServeConfig) -> Services:
    """Open the networks of a configuration, warm.

    Raises:
        DataError, ConfigError: see `seg.build.models.load_model`.
    """
    device = choose_device(config.device)
    cores = _divide_cores(config, device)
    torch.set_num_threads(cores.threads)  # of the workers, which start after it
    workers = Workers(cores.passes, max_queue=config.max_queue)
    name = config.name or run_directory(config.checkpoint).name
    default = _open(config, config.checkpoint, name, workers, cores)
    if config.compare is None:
        return Services(default)
    other = run_directory(config.compare).name
    if other == name:
        other = f"{name}_2"
    try:
        return Services(default, _open(config, config.compare, other, workers, cores))
    except DataError as error:
        text = str(error).replace(f"checkpoint={config.compare}:", f"compare={config.compare}:")
        raise DataError(text, fault=error.fault) from None


def _divide_cores(config: ServeConfig, device: torch.device) -> Cores:
    """Return how many images are worked on at a time, and the threads of each."""
    cores = config.threads or torch.get_num_threads()
    if config.workers is not None:
        workers = config.workers
    elif device.type == "cuda":  # they decode and encode what the device computes in batches
        workers = min(cores, 2 * config.max_batch)
    else:
        workers = min(cores, _MOST_WORKERS)
    return Cores(threads=max(1, cores // workers), passes=workers)


def _open(config: ServeConfig, path: Path, name: str, workers: Workers, cores: Cores) -> Service:
    device = choose_device(config.device)
    file = find_checkpoint(path)
    if file is not None:
        path = _fastest(config, file, cores, device)
    source = read_trained(path, trust=config.trust, plugins=config.plugins)
    model = _open_model(config, path, cores).to(device)
    card = model_card(name, source, model)
    joins = device.type == "cuda" and config.max_batch > 1
    service = Service(
        name,
        model,
        build("inference", config.inference.node()),
        card,
        workers,
        max_pixels=config.max_pixels,
        timeout_s=config.timeout_s,
        join=partial(batched, max_batch=config.max_batch) if joins else None,
    )
    fixed = source.card.spec.size if isinstance(source, Export) else None
    service.warm_up(*(_WARM_UP_PX if fixed is None else (fixed,)))
    return service


def _open_model(config: ServeConfig, path: Path, cores: Cores) -> ImageModel:
    model = open_model(read_trained(path, trust=config.trust, plugins=config.plugins), cores)
    if not isinstance(model, TrainedSegmenter):
        return model
    optimized = model.optimize()
    optimized.decoding = model.decoding
    return optimized


def _fastest(config: ServeConfig, file: Path, cores: Cores, device: torch.device) -> Path:
    """Return the file to open for a checkpoint: where several engines can run it, the fastest."""
    exports = usable_exports(file, trust=config.trust)
    if config.engine != "auto" or device.type != "cpu" or not exports:
        return choose_engine(file, config.engine, device=device.type, trust=config.trust)
    newest = {
        each.card.format: each for each in sorted(exports, key=lambda each: each.card.created)
    }
    engines = {each.engine: each.path for each in newest.values()} | {"torch": file}
    times_s = {}
    for engine, path in engines.items():
        try:
            times_s[engine] = _pass_s(config, path, cores)
        except UserError as error:
            if path == file:
                raise
            log.warning("engine     %s is passed over: %s", engine, error)
    fastest = min(times_s, key=lambda engine: times_s[engine])
    log.info(
        "engine     %s: a pass of %d x %d takes %s",
        fastest,
        *_TIMED_PX,
        ", ".join(f"{1e3 * time_s:.0f} ms by {engine}" for engine, time_s in times_s.items()),
    )
    return engines[fastest]


@torch.inference_mode()
def _pass_s(config: ServeConfig, path: Path, cores: Cores) -> float:
    """Return the shortest time of some passes, s, after one that warms up."""
    model = _open_model(config, path, cores)
    image_BCHW = torch.zeros(1, model.decoding.channels, *_TIMED_PX)
    times_s: Sequence[float] = [_timed(model, image_BCHW) for _ in range(1 + _TIMED_PASSES)]
    return min(times_s[1:])


def _timed(model: ImageModel, image_BCHW: torch.Tensor) -> float:
    started_s = perf_counter()
    model.argmax_labels(image_BCHW)
    return perf_counter() - started_s
