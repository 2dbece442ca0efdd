"""`task=memory`: the memory of evaluation by number of images, of prediction by their size."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.datasets.streets import Streets
from seg.data.readers.gdal import has_gdal
from seg.errors import ConfigError
from seg.io.atomic import scratch_directory

PREDICTION, BY_WINDOWS, EVALUATION = "prediction", "prediction of a GeoTIFF", "evaluation"
_LIMIT_GIB = 0.5
_TILE = (512, 1024)


def run(
    checkpoint: Path | None, *, sides: Sequence[int], lengths: Sequence[int]
) -> dict[str, dict[int, float]]:
    """Measure the peaks of the real commands, each in a process of its own, on a CPU.

    A PNG is read as a whole, a GeoTIFF by windows, where the extra `rasters` is installed.

    Args:
        checkpoint: of a trained network.
        sides: of the square images that are predicted, pixels; `inference.max_memory_gib` is 0.5.
        lengths: numbers of streets that are evaluated.

    Returns:
        command -> pixels of the image, or number of images -> MiB resident at the peak.

    Raises:
        ConfigError: there is no checkpoint, or a command fails.
    """
    if checkpoint is None:
        raise ConfigError("task=memory runs a trained network; give checkpoint=RUN_DIR")
    with scratch_directory() as directory:
        writers = {PREDICTION: _write_png} | ({BY_WINDOWS: _write_raster} if has_gdal() else {})
        peaks = {
            name: {side**2: _prediction_mib(checkpoint, side, directory, write) for side in sides}
            for name, write in writers.items()
        }
        evaluated = {length: _evaluation_mib(checkpoint, length, directory) for length in lengths}
    return {**peaks, EVALUATION: evaluated}


def table(peaks: Mapping[str, Mapping[int, float]]) -> str:
    """Format a Markdown table; of prediction also the bytes of each further pixel."""
    lines = [
        "| command | of | peak MiB | more than the first, bytes a pixel |",
        "|---|---|---|---|",
    ]
    for name in (name for name in (PREDICTION, BY_WINDOWS) if name in peaks):
        first, least = next(iter(peaks[name].items()))
        for pixels, mib in peaks[name].items():
            grown = f"{(mib - least) * 2**20 / (pixels - first):.1f}" if pixels > first else ""
            lines.append(f"| {name} | {pixels / 1e6:.1f} Mpx | {mib:.0f} | {grown} |")
    for length, mib in peaks[EVALUATION].items():
        lines.append(f"| {EVALUATION} | {length} images | {mib:.0f} | |")
    return "\n".join(lines)


def _prediction_mib(
    checkpoint: Path, side: int, directory: Path, write: Callable[[Path, int], Path]
) -> float:
    file = write(directory, side)
    keys = (f"input={file}", f"output={file.with_suffix('')}", "engine=torch")
    limit = f"inference.max_memory_gib={_LIMIT_GIB}"
    peak = peak_mib("predict", checkpoint, *keys, limit, cwd=directory)
    file.unlink()
    return peak


def _write_png(directory: Path, side: int) -> Path:
    image = Image.new("RGB", (side, side))
    tile = Image.fromarray(_street())
    for top in range(0, side, _TILE[0]):
        for left in range(0, side, _TILE[1]):
            image.paste(tile, (left, top))
    file = directory / f"{side}.png"
    image.save(file, compress_level=1)
    return file


def _write_raster(directory: Path, side: int) -> Path:
    import rasterio
    from rasterio.windows import Window

    file = directory / f"{side}_placed.tif"
    kind = {"driver": "GTiff", "count": 3, "dtype": "uint8", "tiled": True, "compress": "deflate"}
    size = {"height": side, "width": side, "transform": rasterio.Affine(0.1, 0, 0, 0, -0.1, side)}
    bands_CHW = _street().transpose(2, 0, 1)
    with rasterio.open(file, "w", **kind, **size) as raster:
        for top in range(0, side, _TILE[0]):
            for left in range(0, side, _TILE[1]):
                height, width = min(_TILE[0], side - top), min(_TILE[1], side - left)
                part = bands_CHW[:, :height, :width]
                raster.write(part, window=Window(left, top, width, height))
    return file


def _street() -> NDArray[np.uint8]:
    return Streets(split="test", size=_TILE, test_length=1)[0].image


def _evaluation_mib(checkpoint: Path, length: int, directory: Path) -> float:
    keys = ("dataset=streets", f"dataset.val_length={length}", "dataset.cache_mib=16")
    run_dir = f"hydra.run.dir={directory / f'evaluation_{length}'}"
    return peak_mib("evaluate", checkpoint, *keys, run_dir, cwd=directory)


def peak_mib(command: str, checkpoint: Path, *keys: str, cwd: Path) -> float:
    """Return the MiB resident at the peak of a command on a CPU, in a process of its own.

    Raises:
        ConfigError: it fails; its standard error is in the message.
    """
    line = [sys.executable, "-m", f"seg.{command}", f"checkpoint={checkpoint.resolve()}"]
    process = subprocess.Popen(
        [*line, "device=cpu", *keys],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr:
        errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ConfigError(f"seg.{command} {' '.join(keys)}: failed\n{errors}")
    return usage.ru_maxrss / 1024
