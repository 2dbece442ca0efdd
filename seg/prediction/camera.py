"""Live pictures of a camera, until it ends or Ctrl-C."""

import re
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from seg.inference.image_source import ArrayRaster, Raster
from seg.prediction.inputs import CAMERA
from seg.prediction.items import Item
from seg.prediction.video import open_camera


class Camera:
    """Takes a picture whenever the network is free; those in between are passed over.

    Args:
        given: `webcam:0`, or `webcam:` with a device or the address of a stream.
        first: number of its first frame, so that an earlier session is not written over.
        max_frames: it stops then.

    Raises:
        DataError: no such camera.
    """

    def __init__(self, given: str, *, first: int = 0, max_frames: int | None = None) -> None:
        self._given = given
        self._first = first
        self._max_frames = max_frames
        self._video: Any = open_camera(given.removeprefix(CAMERA))
        self._pictures: dict[str, Raster] = {}

    @staticmethod
    def name_of(given: str, number: int) -> str:
        """`webcam_0/000123`."""
        return f"{re.sub(r'[^A-Za-z0-9]+', '_', given).strip('_')}/{number:06d}"

    def items(self) -> Iterator[Item]:
        """The next picture, as an item, whenever it is asked for."""
        count = 0
        while self._max_frames is None or count < self._max_frames:
            done, frame_HW3 = self._video.read()
            if not done:
                return
            number = self._first + count
            item = Item(self.name_of(self._given, number), self._given, "frame", number)
            rgb_HW3 = cv2.cvtColor(frame_HW3, cv2.COLOR_BGR2RGB)
            self._pictures[item.name] = ArrayRaster(np.asarray(rgb_HW3, np.uint8))
            count += 1
            yield item

    def open(self, item: Item) -> Raster:
        """The picture that was taken for an item."""
        return self._pictures.pop(item.name)

    def close(self) -> None:
        """Let go of the camera."""
        self._video.release()
