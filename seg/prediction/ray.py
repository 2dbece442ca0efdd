"""`backend=ray`: the items spread over the processes of a Ray cluster (extra `ray`)."""

import json
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from seg.errors import ConfigError, UserError
from seg.io.atomic import scratch_directory
from seg.prediction.items import Item
from seg.prediction.spec import PredictionSpec
from seg.prediction.writer import ManifestEntry
from seg.usage_reports import switch_off_usage_reports

_ITEMS_AT_ONCE = 16  # of one process: neighbours, so that videos are read in order
_PATIENCE_S = 10.0
_MOST_BLOCKS = 10_000
_SHARES = 4  # least pieces of work a process, so that none waits long for the last


def predict_on_ray(
    spec: PredictionSpec, items: Sequence[Item], *, workers: int | None, address: str | None
) -> Iterator[ManifestEntry]:
    """Predict items on Ray Data; yield the entries as they come, in any order.

    Every machine needs the checkpoint, the inputs and the output under the same paths, or inputs
    and output at addresses of an object store.

    Args:
        spec: the prediction.
        items: the items.
        workers: processes, each with a network; None: one a GPU, or one for every
            `spec.config.threads` CPU cores.
        address: of a running cluster; None: one that is started on this machine and ends with it.

    Raises:
        ConfigError: the extra `ray` is missing, or no cluster answers.
    """
    switch_off_usage_reports()
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "backend=ray: needs the extra `ray`: pip install 'seg-xception[ray]'"
        ) from None
    started = not ray.is_initialized()
    if started:
        _connect(ray, address)
    try:
        yield from _mapped(ray, spec, items, workers)
    except ray.exceptions.RayError as error:
        raise _user_error(error) or error from None
    finally:
        if started:
            ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    """Connect to a cluster, or start one."""
    host, _, port = (address or "").rpartition(":")
    try:
        if port.isdecimal() and "/" not in host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), _PATIENCE_S).close()
        choices = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address is None:
            choices["include_dashboard"] = False
        ray.init(address=address, **choices)
    except (OSError, ValueError) as error:
        raise ConfigError(f"ray_address={address}: no cluster answers ({error})") from error


def _user_error(error: BaseException | None) -> UserError | None:
    """Return the error that a worker raised for the user, within Ray's wrappers."""
    while error is not None and not isinstance(error, UserError):
        error = getattr(error, "cause", None) or error.__cause__
    return error


def _mapped(
    ray: Any, spec: PredictionSpec, items: Sequence[Item], workers: int | None
) -> Iterator[ManifestEntry]:
    """Predict items in the workers; yield their entries."""
    # Ray would give each process one thread, which changes the last bits of the results
    threads = spec.config.threads or torch.get_num_threads()
    spec = replace(spec, config=spec.config.model_copy(update={"threads": threads}))
    resources = ray.cluster_resources()
    gpus = 0 if spec.config.device == "cpu" else int(resources.get("GPU", 0))
    largest = max(node["Resources"].get("CPU", 1) for node in ray.nodes() if node["Alive"])
    cores = max(1, min(threads, int(largest)))
    count = min(workers or gpus or max(1, int(resources.get("CPU", 1)) // cores), len(items))
    size = max(1, min(_ITEMS_AT_ONCE, len(items) // (count * _SHARES)))
    rows = [
        {"items": json.dumps([asdict(item) for item in items[first : first + size]])}
        for first in range(0, len(items), size)
    ]
    ray.data.DataContext.get_current().enable_progress_bars = False
    done = ray.data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS)).map_batches(
        _Worker,
        fn_constructor_args=(spec, str(Path.cwd())),
        batch_size=1,
        concurrency=count,
        num_gpus=min(1.0, gpus / count) if gpus else 0,
        num_cpus=0 if gpus else min(cores, resources.get("CPU", 1) / count),
    )
    for row in done.iter_rows():
        yield json.loads(row["record"])


class _Worker:
    """A network in a process of the cluster."""

    def __init__(self, spec: PredictionSpec, directory: str) -> None:
        """Load the network."""
        if Path(directory).is_dir():
            os.chdir(directory)  # paths of items may be relative
        if spec.address is not None:  # what is sent away may be on a local disk
            self._scratch = scratch_directory()  # as long as this process lives
            spec = replace(spec, output=self._scratch.__enter__())
        self._predictor = spec.predictor()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Predict the items of a batch; return their entries as JSON."""
        records = [
            record
            for text in batch["items"]
            for record in self._predictor.predict([Item(**plain) for plain in json.loads(text)])
        ]
        return {"record": [json.dumps(record) for record in records]}
