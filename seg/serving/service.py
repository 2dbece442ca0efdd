"""A network that is served: from the bytes of an image to what is made of its segmentation."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.errors import UserError
from seg.inference.image_model import ImageModel
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.inference.segmentation_model import as_array
from seg.serving.uploads import decode

T = TypeVar("T")


class OverloadError(UserError):
    """The queue is full.

    Args:
        retry_after_s: when to ask again.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many requests; ask again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class ExpiredError(UserError):
    """A request that waited too long."""


class UnknownModelError(UserError):
    """A name that no network has."""


@dataclass(frozen=True)
class Segmentation:
    """Prediction of an image.

    Attributes:
        label_HW: class ids, uint8 or uint16; codes where classes may overlap; `ignore_index` where
            the image has no data.
        probabilities_KHW: one a class, float32; None unless requested.
        masks_KHW: where each output is present, bool; None: classes are exclusive.
    """

    label_HW: NDArray[Any]
    probabilities_KHW: NDArray[np.float32] | None = None
    masks_KHW: NDArray[np.bool_] | None = None


class Service:
    """A served network.

    Args:
        name: in addresses.
        model: on its device.
        inference: how images go through it.
        card: what `/v1/model` answers, JSON.
        max_pixels: of an image.

    Attributes:
        name, model, card: see above.
        ready: whether it is warm.
    """

    def __init__(
        self,
        name: str,
        model: ImageModel,
        inference: Inference,
        card: dict[str, Any],
        *,
        max_pixels: int,
    ) -> None:
        self.name, self.model, self.card, self.ready = name, model, card, False
        self._inference, self._max_pixels = inference, max_pixels
        self._workers = ThreadPoolExecutor(1)

    async def run(
        self,
        source: bytes | NDArray[Any],
        encode: Callable[[ArrayRaster, Segmentation], T],
        *,
        probabilities: bool = False,
    ) -> T:
        """Segment an image and encode the result; all in a worker thread.

        Args:
            source: the bytes of an image file, or an array of stored values, H x W x bands, as
                `TrainedSegmenter.predict` takes it.
            encode: makes the answer of the image and its segmentation.
            probabilities: whether to compute them.

        Raises:
            DataError: the image cannot be read.
            OverloadError: too many wait.
            ExpiredError: it waited too long.
        """

        def work() -> T:
            raster = self._raster(source)
            return encode(raster, self._segment(raster, probabilities=probabilities))

        return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    def _raster(self, source: bytes | NDArray[Any]) -> ArrayRaster:
        decoding = self.model.decoding
        if isinstance(source, bytes):
            return decode(source, decoding, max_pixels=self._max_pixels)
        return ArrayRaster.of(as_array(source, decoding), decoding)

    def _segment(self, raster: ArrayRaster, *, probabilities: bool) -> Segmentation:
        blocks = list(
            self._inference.iter_row_blocks(self.model, raster, probabilities=probabilities)
        )
        label_HW = np.concatenate([each.label_HW for each in blocks])
        scores = [each.probabilities_KHW for each in blocks if each.probabilities_KHW is not None]
        masks = [each.masks_KHW for each in blocks if each.masks_KHW is not None]
        return Segmentation(
            label_HW,
            np.concatenate(scores, axis=1) if scores else None,
            np.concatenate(masks, axis=1) if masks else None,
        )

    def warm_up(self, image_HWC: NDArray[Any]) -> None:
        """Segment an image, so that the first request does not wait for what is compiled."""
        self._segment(ArrayRaster(image_HWC), probabilities=False)
        self.ready = True

    def close(self) -> None:
        """Finish what was accepted."""
        self._workers.shutdown(wait=True)


@dataclass(frozen=True)
class Services:
    """The served networks.

    Attributes:
        default: that of `checkpoint`.
        compared: that of `compare`; None: there is none.
    """

    default: Service
    compared: Service | None = None

    @property
    def all(self) -> list[Service]:
        """Return one or two services."""
        return [self.default] if self.compared is None else [self.default, self.compared]

    def find(self, name: str | None) -> Service:
        """Return the service of a name, None: the default.

        Raises:
            UnknownModelError: there is none.
        """
        for each in self.all:
            if name in (None, each.name):
                return each
        names = ", ".join(each.name for each in self.all)
        raise UnknownModelError(f"model={name!r}: there is {names}")
