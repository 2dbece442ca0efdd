"""The work of `python -m seg.predict`."""

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal

from seg.build.instantiate import check_sections
from seg.config.commands import PredictConfig
from seg.config.composition import chosen
from seg.data.readers.urls import is_remote
from seg.errors import ConfigError, DataError, StorageError
from seg.io.atomic import remove_stale, scratch_directory, staged_directory
from seg.io.terminal_bar import progress_bar
from seg.models.checkpoint_file import require_checkpoint
from seg.prediction.camera import Camera
from seg.prediction.georeference import report_lost_places
from seg.prediction.inputs import CAMERA, list_items
from seg.prediction.items import Item, shard_items
from seg.prediction.manifest import Manifest, are_parts_removed
from seg.prediction.manifest_entries import is_damaged, is_written
from seg.prediction.output_paths import refuse_overwriting
from seg.prediction.remote_output import RemoteOutput
from seg.prediction.video import check_frames
from seg.prediction.writer import (
    PARTS,
    ManifestEntry,
    Settings,
    check_names,
    load_formats,
    log_values,
    write_values,
)

_log = logging.getLogger(__name__)
_LISTED = 5


def predict(
    checkpoint: str | Path,
    input: str | Path,  # noqa: A002  # the key of the command
    output: str | Path,
    *,
    formats: Sequence[str] = ("labels", "overlay"),
    inference: str = "whole",
    inference_options: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    **options: Any,
) -> list[str]:
    """Write the predictions of images, as `python -m seg.predict` does.

    >>> import seg
    >>> seg.predict("runs/mine", "images", "predictions", formats=["labels"])
    ['predictions/street.png']

    Args:
        checkpoint: a run directory, a checkpoint file, or an exported file.
        input: an image, directory, pattern, video, or address.
        output: directory or address; what is done there is not done again.
        formats: what is written, see `conf/predict.yaml`.
        inference: an option of the group `inference`, such as `sliding`.
        inference_options: keys of it that differ, such as `{"window": [513, 513]}`.
        plugins: classes of plugins that the checkpoint may name.
        device: where the network runs.
        **options: other keys of `conf/predict.yaml`, such as `values="index"`.

    Returns:
        the files of these images, in the order of the input.

    Raises:
        ConfigError, DataError, StorageError: as the command ends.
    """
    values = {
        **options,
        "checkpoint": checkpoint,
        "input": str(input),
        "output": str(output),
        "formats": list(formats),
        "inference": dict(inference_options or {}),
        "plugins": list(plugins),
        "device": device,
    }
    config = chosen("predict", PredictConfig, {"inference": inference}, values)
    with scratch_directory() as run_dir:
        return run_prediction(config, run_dir)


def run_prediction(config: PredictConfig, run_dir: Path) -> list[str]:
    """Predict what the input contains and is not done yet, into `output` or else `run_dir`.

    Returns:
        the files of what the input holds; nothing of a camera.

    Raises:
        DataError: the input is missing, or, at the end, some of it is damaged.
        ConfigError: formats, inference or device refuse the options; results of others in `output`.
        StorageError: a file cannot be written.
    """
    check_names(config)
    output = config.output or str(run_dir)
    if config.input.startswith(CAMERA):
        if config.num_shards > 1 or config.backend != "local" or is_remote(output):
            raise ConfigError(
                f"input={config.input}: one process reads a camera, into a directory of this"
                " machine\n  give num_shards=1 backend=local output=DIRECTORY"
            )
        _PredictionRun(config, output, run_dir).fill_from_camera()
        return []
    items = list_items(
        config.input, output=output, frame_step=config.frame_step, max_frames=config.max_frames
    )
    damaged, total, files = _PredictionRun(config, output, run_dir).fill(items)
    _log.info("%d of %d images: %s", total - len(damaged), total, output)
    if damaged:
        raise DataError(
            f"{len(damaged)} of {total} images could not be read or written: "
            + ", ".join(damaged[:_LISTED])
        )
    return [f"{output.rstrip('/')}/{name}" for name in files]


class _PredictionRun:
    """A run of the command, with results in a directory or sent from there to an address."""

    def __init__(self, config: PredictConfig, output: str, run_dir: Path) -> None:
        for path in (config.checkpoint, *config.ranking.others):
            require_checkpoint(path)
        from seg.prediction.spec import PredictionSpec  # after what is refused without torch

        check_sections(config, "inference")
        self._config = config
        self._output = output
        self._remote: RemoteOutput | None = None
        address = output if is_remote(output) else None
        directory = Path(output) if address is None else run_dir / "sent"
        if address is not None:
            self._remote = RemoteOutput(address, directory)
        self._spec = PredictionSpec.of(config, directory, address)
        self._checkpoint = self._spec.read_model()
        self._settings = Settings(directory, self._checkpoint.labels, config)
        self._formats = load_formats(self._settings)
        log_values(self._settings, self._formats)

    def fill(self, items: Sequence[Item]) -> tuple[list[str], int, list[str]]:
        """Do this process' share; the damaged sources, the size of the share, and its files."""
        report_lost_places(items, self._formats, keep=self._config.place == "keep")
        refuse_overwriting(items, self._formats, self._output)
        mine = shard_items(items, shard=self._config.shard, num_shards=self._config.num_shards)
        sizes = None if self._remote is None else self._remote.fetch_manifests()
        with self._open_manifest(sizes) as manifest:
            settled = manifest.is_settled(items, self._merged_files(items))
            todo = [] if settled else [item for item in mine if not manifest.is_done(item)]
            records = self._records(todo)  # what is refused is refused before anything is written
            removed = manifest.start()
            remove_stale(self._spec.output)
            written = write_values(self._settings, self._formats)
            if self._remote is not None:
                self._remote.remove(removed)
                self._remote.send(written)
            damaged = self._append(records, manifest, len(todo))
            manifest.sort(items)
            if self._remote is not None:
                self._remote.send_manifest(manifest.name, at_once=True)
                self._remote.fetch_manifests(besides=manifest.name)
            if not settled:
                self._finish(items, manifest)
            files = self._files(items, mine, manifest)
        if self._remote is not None:
            shutil.rmtree(self._spec.output)
        return damaged, len(mine), files

    def _files(self, items: Sequence[Item], mine: Sequence[Item], manifest: Manifest) -> list[str]:
        """List the files of this process' share and those made of all items."""
        records = manifest.all_records()
        own = [name for each in mine for name in records.get(each.name, {}).get("files", ())]
        merged = [name for name in self._merged_files(items) if (self._spec.output / name).exists()]
        return [name for name in own if not name.startswith(f"{PARTS}/")] + merged

    def _merged_files(self, items: Sequence[Item]) -> list[str]:
        """List the files that are made of all items."""
        return [name for each in self._formats for name in each.merged_files(items)]

    def _finish(self, items: Sequence[Item], manifest: Manifest) -> None:
        """Merge parts and remove them, unless damaged sources may still be repaired."""
        try:
            whole = self._merge(items, manifest)
        except (DataError, StorageError, OSError):
            remote = self._remote
            sizes = None if remote is None else remote.fetch_manifests(besides=manifest.name)
            if are_parts_removed(self._spec.output, self._merged_files(items), sizes):
                return  # by another shard, which has ended at the same time
            raise
        records = manifest.all_records()
        if not whole or any(is_damaged(records[each.name]) for each in items):
            return
        if self._remote is not None:
            files = (name for each in items for name in records[each.name]["files"])
            self._remote.remove(name for name in files if name.startswith(f"{PARTS}/"))
        parts = self._spec.output / PARTS
        with suppress(FileNotFoundError), staged_directory(parts) as staged:
            parts.rename(staged / PARTS)

    def _records(self, todo: Sequence[Item]) -> Iterator[ManifestEntry]:
        """Predict items here or on Ray; yield their entries."""
        if not todo:
            return iter(())
        if self._config.backend == "ray":
            from seg.prediction.ray import predict_on_ray

            workers, address = self._config.ray_workers, self._config.ray_address
            return predict_on_ray(self._spec, todo, workers=workers, address=address)
        predictor = self._spec.predictor(self._checkpoint)
        if all(item.kind == "frame" for item in todo):
            check_frames(predictor.model.decoding, f"input={self._config.input}")
        return predictor.predict(todo)

    def fill_from_camera(self) -> None:
        """Predict live images until the camera ends, `max_frames`, or Ctrl-C."""
        config = self._config
        with self._open_manifest() as manifest:
            there = manifest.all_records()
            first = next(n for n in count() if Camera.name_of(config.input, n) not in there)
            camera = Camera(config.input, first=first, max_frames=config.max_frames)
            predictor = self._spec.predictor(self._checkpoint, camera)
            manifest.start()
            write_values(self._settings, self._formats)
            try:
                self._append(predictor.predict(camera.items()), manifest, None)
            except KeyboardInterrupt:
                _log.info("stopped")
            items = [
                Item(name, record["source"], "frame", record["part"], record["version"])
                for name, record in sorted(manifest.all_records().items())
                if record["source"] == config.input
            ]
            self._merge(items, manifest)
        _log.info("%d images of %s: %s", len(items) - first, config.input, self._output)

    def _open_manifest(self, sizes: dict[str, int] | None = None) -> Manifest:
        """Open the manifest of the output."""
        return Manifest(
            self._spec.output,
            self._spec.header(self._checkpoint),
            shard=self._config.shard,
            num_shards=self._config.num_shards,
            skip_existing=self._config.skip_existing,
            sizes=sizes,
        )

    def _append(
        self, records: Iterable[ManifestEntry], manifest: Manifest, total: int | None
    ) -> list[str]:
        """Append entries to the manifest; return the damaged sources."""
        damaged = []
        with progress_bar("predicting", total) as on_item:
            for record in records:
                manifest.append(record)
                if self._remote is not None:
                    self._remote.send_manifest(manifest.name)
                if is_damaged(record):
                    _log.error("%s", record["error"])
                    damaged.append(record["source"])
                on_item()
        return damaged

    def _merge(self, items: Sequence[Item], manifest: Manifest) -> bool:
        """Merge files of all items once the last shard is done; return whether it is."""
        merging = [each for each in self._formats if each.merged_files(items)]
        records = manifest.all_records()
        known = [
            item for item in items if records.get(item.name, {}).get("version") == item.version
        ]
        if len(known) < len(items):
            if merging:
                _log.info(
                    "%d of %d are done; the last shard writes the rest", len(known), len(items)
                )
            return False
        if self._remote is not None:
            self._remote.fetch_parts(records[item.name] for item in known)
        for each in self._formats:
            pairs = [(item, records[item.name]) for item in known]
            done = [pair for pair in pairs if is_written(pair[1], each.name)]
            each.log_summary(done)
            if each not in merging:
                continue
            each.merge(done)
            if self._remote is not None:
                self._remote.send(each.merged_files(items))
        return True
