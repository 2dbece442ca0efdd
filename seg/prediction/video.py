"""Frames of videos and cameras, by OpenCV."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from seg.inference.image_source import ArrayRaster
from seg.prediction.items import Item
from seg.prediction.video_length import announced_bytes, counts_frames

_MISCOUNTED = 0.05  # of the frames that a container announces; some only estimate


def video_items(
    name: str, path: Path, version: str, *, step: int = 1, most: int | None = None
) -> list[Item]:
    """List the frames of a video, counted by decoding it: containers only announce a number.

    Returns:
        an item a frame; if frames are missing at the end, one more with that fault.
    """
    video = open_video(str(path))
    announced = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
    limit = None if most is None else (most - 1) * step + 1
    count = 0
    while (limit is None or count < limit) and video.grab():
        count += 1
    video.release()
    if not count:
        fault = f"{path}: damaged, or no video that OpenCV can decode\n  copy or convert it again"
        return [Item(name, str(path), "frame", version=version, fault=fault)]
    items = [
        Item(f"{name}/{index:06d}", str(path), "frame", index, version)
        for index in range(0, count, step)
    ]
    fault = _missing_end(path, count, announced, limit)
    if fault:
        items.append(Item(f"{name}/{count:06d}", str(path), "frame", count, version, fault))
    return items


def _missing_end(path: Path, count: int, announced: int, limit: int | None) -> str:
    """Describe a video that ends too early; empty if it is complete."""
    if limit is not None and count >= limit:
        return ""
    size, whole = path.stat().st_size, announced_bytes(path)
    if size < whole:
        return f"{path}: ends after {count} frames, {size} of {whole} bytes; copy it again"
    expected = announced if limit is None else min(announced, limit)
    if count >= expected * (1 - _MISCOUNTED) or not counts_frames(path):
        return ""
    return f"{path}: ends after {count} of {announced} frames; copy it again"


def open_video(source: str | int) -> Any:
    """Open a file, a stream or a camera with OpenCV; callers check for failure."""
    with silent_opencv():
        return cv2.VideoCapture(source)


@contextmanager
def silent_opencv() -> Iterator[None]:
    """Keep OpenCV and FFmpeg from writing to the terminal; their callers check the results."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet: FFmpeg writes past all streams
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def is_whole(path: Path, frames: int) -> bool:
    """Return whether an MP4 file has all its bytes and its index lists `frames` frames.

    OpenCV's writer returns no error: on a full disk it leaves a part of the video, most often
    without the index, which comes last.
    """
    video = open_video(str(path))
    listed = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
    video.release()
    return listed == frames and path.stat().st_size >= announced_bytes(path)


def frame_raster(frame_HW3: NDArray[np.uint8], decoding: ImageDecoding, source: str) -> ArrayRaster:
    """Return a frame, uint8 RGB, as a network of this decoding takes it.

    Raises:
        DataError: the network takes other bands, or values of another kind.
    """
    if decoding.bands not in (None, (1, 2, 3), ("red", "green", "blue")):
        raise DataError(
            f"{source}: frames are RGB of 8 bits, and the network takes"
            f" {decoding.section}.bands={decoding.bands_text}\n"
            "  give images of these bands",
            fault="bands",
        )
    return ArrayRaster.of(decoding.scale(frame_HW3, 8, source), decoding)


def check_frames(decoding: ImageDecoding, source: str) -> None:
    """Refuse frames of videos and cameras for a network that takes other images.

    Raises:
        DataError: see `frame_raster`.
    """
    frame_raster(np.zeros((1, 1, 3), np.uint8), decoding, source)


class FrameReader:
    """Reads frames of one source after the other; in ascending order each is decoded once."""

    def __init__(self) -> None:
        self._source: str | None = None
        self._video: Any = None
        self._next = 0

    def read(self, source: str, index: int) -> NDArray[np.uint8]:
        """Read frame `index` of a file.

        Returns:
            uint8, H x W x 3, RGB.

        Raises:
            DataError: it cannot be decoded.
        """
        if source != self._source or index < self._next:
            self.close()
            self._source, self._video = source, open_video(source)
        while self._next < index and self._video.grab():
            self._next += 1
        done, frame_HW3 = self._video.read() if self._next == index else (False, None)
        self._next += 1
        if not done or frame_HW3 is None:
            raise DataError(f"{source}: frame {index} cannot be decoded", fault="damaged")
        return np.asarray(cv2.cvtColor(frame_HW3, cv2.COLOR_BGR2RGB), np.uint8)

    def close(self) -> None:
        """Close the file."""
        if self._video is not None:
            self._video.release()
        self._source, self._video, self._next = None, None, 0
