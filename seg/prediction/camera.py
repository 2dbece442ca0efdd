"""Live images of a camera, until it ends or Ctrl-C."""

import re
from collections.abc import Iterator

import cv2
import numpy as np

from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.errors import DataError
from seg.inference.image_source import Raster
from seg.prediction.inputs import CAMERA
from seg.prediction.items import Item
from seg.prediction.video import check_frames, frame_raster, open_video


class Camera:
    """Reads an image whenever the network is free; those in between are skipped.

    Args:
        address: `webcam:0`, or `webcam:` with a device or the address of a stream.
        first: number of its first frame, so that an earlier session is not overwritten.
        max_frames: number of frames after which it stops.

    Raises:
        DataError: the camera does not answer.
    """

    def __init__(self, address: str, *, first: int = 0, max_frames: int | None = None) -> None:
        self._address = address
        self._first = first
        self._max_frames = max_frames
        device = address.removeprefix(CAMERA)
        self._video = open_video(int(device) if device.isdecimal() else device)
        if not self._video.isOpened():
            self._video.release()
            raise DataError(
                f"input={address}: no camera answers\n"
                "  give its number (webcam:0), its device or the address of a stream"
            )
        self._images: dict[str, Raster] = {}
        self._decoding = PLAIN

    def use_decoding(self, decoding: ImageDecoding) -> None:
        """Set how the network takes images.

        Raises:
            DataError: it takes other ones than those of cameras.
        """
        check_frames(decoding, f"input={self._address}")
        self._decoding = decoding

    @staticmethod
    def name_of(address: str, number: int) -> str:
        """Return the name of a frame: `webcam_0/000123`."""
        return f"{re.sub(r'[^A-Za-z0-9]+', '_', address).strip('_')}/{number:06d}"

    def items(self) -> Iterator[Item]:
        """Yield the next image as an item whenever it is asked for."""
        count = 0
        while self._max_frames is None or count < self._max_frames:
            done, frame_HW3 = self._video.read()
            if not done:
                return
            number = self._first + count
            item = Item(self.name_of(self._address, number), self._address, "frame", number)
            rgb_HW3 = cv2.cvtColor(frame_HW3, cv2.COLOR_BGR2RGB)
            frame = np.asarray(rgb_HW3, np.uint8)
            self._images[item.name] = frame_raster(frame, self._decoding, self._address)
            count += 1
            yield item

    def open(self, item: Item) -> Raster:
        """Return the image of an item."""
        return self._images.pop(item.name)
