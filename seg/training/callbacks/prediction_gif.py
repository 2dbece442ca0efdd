"""`learning.gif`: the same samples after each validation, as the network learns."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pytorch_lightning import Callback, LightningModule, Trainer

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample
from seg.data.wrappers.subset import spread_over
from seg.errors import ConfigError, is_out_of_room
from seg.inference.segmentation_model import predict_sample
from seg.io.atomic import write_atomically
from seg.training.callbacks.checkpoints import in_training
from seg.visualization.composite import as_rgb

log = logging.getLogger(__name__)
_DIRECTORY, _GIF = "learning", "learning.gif"
_GAP_PX, _HEADER_PX = 6, 22
_PAPER, _INK, _TRACK = (250, 249, 246), (32, 35, 40), (222, 219, 211)
_LENGTH_MS, _SHORTEST_MS, _LAST_MS = 8000, 100, 2500


class LearningGif(Callback):
    """Animation of the predictions of a few validation samples, one frame a validation.

    The frames are PNG files in the run's `learning/`, so that a resumed run adds to them.

    Args:
        samples: number of samples, spread evenly over the split; 1 or more.
        tile_px: width of each of the three images of a sample.
        frames: largest number in the animation; beyond twice as many every other one is removed.

    Raises:
        ConfigError: a number that is too small.
    """

    def __init__(self, *, samples: int, tile_px: int = 192, frames: int = 48) -> None:
        super().__init__()
        for key, value, least in (
            ("samples", samples, 1),
            ("tile_px", tile_px, 32),
            ("frames", frames, 2),
        ):
            if value < least:
                raise ConfigError(f"callbacks.gif.{key}={value}; allowed: {least} or more")
        self._count, self._tile_px, self._frames = samples, tile_px, frames
        self._samples: list[Sample] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remove frames after the step at which the run starts."""
        if trainer.is_global_zero:  # a resumed run draws the later frames again
            for path in _frames(_frame_directory(trainer)):
                if int(path.stem) > trainer.global_step:
                    path.unlink()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write a frame."""
        # before `on_validation_end`, where averaged weights leave the network
        if not (in_training(trainer) and trainer.is_global_zero):
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        model: Any = pl_module.model
        if not self._samples:
            split = data.split("val")
            self._samples = [split[place] for place in spread_over(len(split), self._count)]
        with trainer.precision_plugin.forward_context():
            predictions = [predict_sample(model, sample.image) for sample in self._samples]
        done = trainer.global_step / max(1.0, float(trainer.estimated_stepping_batches))
        title = f"step {trainer.global_step}, epoch {trainer.current_epoch + 1}"
        image = frame(
            self._samples,
            predictions,
            model.labels,
            tile_px=self._tile_px,
            title=title,
            done=done,
            composite=model.decoding.composite,
        )
        path = _frame_directory(trainer) / f"{trainer.global_step:09d}.png"
        with _warn_on_failure(path):
            write_atomically(path, lambda file: image.save(file, "PNG"), synced=False)
            paths = _frames(path.parent)
            for surplus in paths[1:-1:2] if len(paths) > 2 * self._frames else ():
                surplus.unlink()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the animation."""
        if not trainer.is_global_zero:
            return
        paths = _frames(_frame_directory(trainer))
        if paths:
            chosen = spread_over(len(paths), self._frames)
            target = _frame_directory(trainer).parent / _GIF
            with _warn_on_failure(target):
                write_gif(target, [paths[place] for place in chosen])


def frame(
    samples: Sequence[Sample],
    predictions: Sequence[NDArray[np.uint8]],
    labels: LabelSpace,
    *,
    tile_px: int,
    title: str,
    done: float,
    composite: tuple[int, int, int] | None = None,
) -> Image.Image:
    """Draw one row a sample (image, label, prediction) below a title and a progress bar."""
    rows = [
        _row(
            (
                as_rgb(sample.image, composite, stretched=True),
                labels.colorize(sample.label),
                labels.colorize(label_HW),
            ),
            tile_px,
        )
        for sample, label_HW in zip(samples, predictions, strict=True)
    ]
    width = rows[0].width + 2 * _GAP_PX
    height = _HEADER_PX + sum(row.height + _GAP_PX for row in rows)
    image = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(12)
    draw.text((_GAP_PX, 3), title, fill=_INK, font=font)
    left = width // 2
    draw.rectangle((left, 9, width - _GAP_PX - 1, 13), fill=_TRACK)
    draw.rectangle((left, 9, left + round(min(1.0, done) * (width - _GAP_PX - 1 - left)), 13), _INK)
    top = _HEADER_PX
    for row in rows:
        image.paste(row, (_GAP_PX, top))
        top += row.height + _GAP_PX
    return image


def write_gif(path: Path, frames: Sequence[Path]) -> None:
    """Write an endless animation of PNG files of one size; the last frame stays longer.

    Args:
        path: the file to write.
        frames: the files in order; those of another size than the last are skipped.

    Raises:
        OSError: a file is damaged, or there is no room.
    """
    images = []
    for frame_path in frames:
        with Image.open(frame_path) as opened:
            images.append(opened.convert("RGB"))
    last = images[-1]
    images = [image for image in images if image.size == last.size]
    # one palette for all frames: another one a frame would flicker
    palette = last.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    frame_ms = max(_SHORTEST_MS, _LENGTH_MS // len(reduced))
    durations = [frame_ms] * (len(reduced) - 1) + [_LAST_MS]
    write_atomically(
        path,
        lambda file: reduced[0].save(
            file, "GIF", save_all=True, append_images=reduced[1:], duration=durations, loop=0
        ),
        synced=False,
    )


@contextmanager
def _warn_on_failure(path: Path) -> Iterator[None]:
    """Log a failure to write an image instead of ending the run.

    Raises:
        OSError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if is_out_of_room(error):
            raise
        log.warning("%s: not written (%s)", path, error)


def _row(images: Sequence[NDArray[np.uint8]], tile_px: int) -> Image.Image:
    height, width = images[0].shape[:2]
    size = (tile_px, max(1, round(height * tile_px / width)))
    row = Image.new("RGB", (len(images) * (tile_px + _GAP_PX) - _GAP_PX, size[1]), _PAPER)
    for place, image in enumerate(images):
        method = Image.Resampling.BILINEAR if place == 0 else Image.Resampling.NEAREST
        tile = Image.fromarray(image).resize(size, method)
        row.paste(tile, (place * (tile_px + _GAP_PX), 0))
    return row


def _frame_directory(trainer: Trainer) -> Path:
    return Path(trainer.default_root_dir) / _DIRECTORY


def _frames(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob("*.png") if path.stem.isdigit())
