"""`NAME_overlay.mp4`: a video with the colors of the classes over it."""

import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from seg.data.readers.readers import read_label
from seg.errors import ConfigError, StorageError
from seg.inference.image_source import Raster
from seg.io.atomic import staged_file
from seg.prediction.inputs import CAMERA
from seg.prediction.items import Item
from seg.prediction.video import FrameReader, is_whole, open_video, silent_opencv
from seg.prediction.writer import PARTS, BufferedWriter, Format, ItemRows, ManifestEntry, Writer
from seg.visualization.grids import label_image, overlay, save_png

_PARTS = f"{PARTS}/video"
_CODEC = "mp4v"
_FPS = 25.0  # of videos that do not state their rate


class OverlayVideo(Format):
    """One video a source, at its own rate; images of the input have none.

    Raises:
        ConfigError: the input contains no video, or is a camera.
    """

    name = "video"
    takes_overlaps = True

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the label map of a frame; no file for an image."""
        return (f"{_PARTS}/{item.name}.png",) if item.kind == "frame" else ()

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to write the label map of a frame."""
        if item.kind != "frame":
            return _Nothing()
        path, labels = self.path(self.targets(item)[0]), self.settings.labels
        return BufferedWriter(
            raster.height,
            lambda piece: piece.label_HW,
            lambda label_HW: save_png(path, label_image(label_HW, labels)),
        )

    def merged_files(self, items: Sequence[Item]) -> tuple[str, ...]:
        """Return a video for each source."""
        frames = [item for item in items if item.kind == "frame"]
        if not frames or frames[0].source.startswith(CAMERA):
            raise ConfigError(
                "formats=video: is for video files, and the input holds none\n"
                "  take overlay, which also shows the frames of a camera"
            )
        return tuple(f"{name}_overlay.mp4" for name in dict.fromkeys(map(_video_name, frames)))

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Encode the videos."""
        frames = [item for item, _ in done if item.kind == "frame"]
        for name, its in groupby(frames, _video_name):
            working = self.path(f"{_PARTS}/{name}.mp4")  # the suffix sets OpenCV's container
            target, sources = self.path(f"{name}_overlay.mp4"), list(its)
            with silent_opencv():
                self._encode(working, sources)
            if not is_whole(working, len(sources)):
                working.unlink(missing_ok=True)
                raise StorageError(
                    f"{target}: OpenCV has not written the whole {_CODEC} video\n"
                    "  make room, and the same command goes on; without that codec leave video out"
                )
            with working.open("rb") as content, staged_file(target) as file:
                shutil.copyfileobj(content, file)
            working.unlink()

    def _encode(self, path: Path, frames: Sequence[Item]) -> None:
        """Write frames with their overlay as a video."""
        labels, opacity = self.settings.labels, self.settings.options.overlay_opacity
        source = open_video(frames[0].source)
        rate = source.get(cv2.CAP_PROP_FPS) or _FPS
        source.release()
        if len(frames) > 1:
            rate /= frames[1].part - frames[0].part
        reader, video = FrameReader(), cv2.VideoWriter()
        for item in frames:
            label_HW = read_label(self.path(self.targets(item)[0])).astype(labels.dtype)
            image_HW3 = reader.read(item.source, item.part)
            if item is frames[0]:
                codec, size = cv2.VideoWriter.fourcc(*_CODEC), image_HW3.shape[1::-1]
                if not video.open(str(path), codec, rate, size):
                    return
            frame_HW3 = np.asarray(overlay(image_HW3, label_HW, labels, opacity))
            video.write(cv2.cvtColor(frame_HW3, cv2.COLOR_RGB2BGR))
        video.release()
        reader.close()


def _video_name(item: Item) -> str:
    """Return the name of a frame's video."""
    return str(PurePosixPath(item.name).parent)


class _Nothing(Writer):
    """Writes nothing."""

    def write(self, piece: ItemRows) -> None:
        """Ignore the rows."""

    def close(self) -> None:
        """Return no part."""


FORMAT = OverlayVideo
