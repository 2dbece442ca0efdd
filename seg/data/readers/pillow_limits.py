"""Settings of Pillow and of warnings that apply to the whole process, shared by its threads."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from PIL import Image, ImageFile


class _Shared:
    """Settings that the first of several overlapping users changes, and the last one restores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._restoring = ExitStack()

    def enter(self, max_pixels: int) -> None:
        with self._lock:
            if self._users == 0:
                self._restoring.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
                self._restoring.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
            self._users += 1
            # Another library may have told Pillow to fill truncated files with grey.
            ImageFile.LOAD_TRUNCATED_IMAGES = False
            if Image.MAX_IMAGE_PIXELS is not None:
                Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, max_pixels)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._restoring.close()


_shared = _Shared()


@contextmanager
def pillow_limits(max_pixels: int) -> Iterator[None]:
    """Refuse truncated files and decompression bombs in the block, and silence other warnings.

    Threads that are in such a block at the same time share one change: the first sets it, the last
    takes it back. The largest of their limits applies, so each checks its image by its own, too.

    Args:
        max_pixels: of an image; one below Pillow's own limit changes nothing.
    """
    _shared.enter(max_pixels)
    try:
        yield
    finally:
        _shared.leave()
