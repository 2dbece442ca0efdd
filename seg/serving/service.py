"""A network that is served: from the bytes of an image to what is made of its segmentation."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.cpu import give_back_memory
from seg.errors import DataError, UserError
from seg.inference.image_model import ImageModel
from seg.inference.image_source import ArrayRaster
from seg.inference.inference import Inference
from seg.inference.segmentation_model import as_array
from seg.serving.uploads import decode
from seg.serving.workers import ExpiredError, OverloadError, Workers

__all__ = [
    "ExpiredError",
    "OverloadError",
    "Segmentation",
    "Service",
    "Services",
    "UnknownModelError",
]
T = TypeVar("T")
_LARGE_PIXELS = 2**24
_MOST_PROBABILITIES = 2**28
"""Of an image; 1 GiB as float32, for a moment twice."""


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
        model: on its device; several threads may call it.
        inference: how images go through it.
        card: what `/v1/model` answers, JSON.
        workers: the threads that do it; networks may share them.
        max_pixels: of an image.
        timeout_s: after which an image that still waits is given up.
        join: `seg.serving.batching.batched` with its size; None: no batches.

    Attributes:
        name, model, card, workers: see above.
        ready: whether it is warm.
        observe: called with a stage of an image, `decode` or `network`, and its seconds.
        observe_batch: called with the number of images that the network sees at once.
    """

    def __init__(
        self,
        name: str,
        model: ImageModel,
        inference: Inference,
        card: dict[str, Any],
        workers: Workers,
        *,
        max_pixels: int,
        timeout_s: float,
        join: Callable[..., ImageModel] | None = None,
    ) -> None:
        self.name, self.card, self.ready = name, card, False
        self.workers = workers
        self.observe: Callable[[str, float], None] = lambda _, __: None
        self.observe_batch: Callable[[int], None] = lambda _: None
        self._joins = join is not None
        self.model = model if join is None else join(model, observe=self._observe_pass)
        self._inference, self._max_pixels, self._timeout_s = inference, max_pixels, timeout_s

    async def run(
        self,
        source: bytes | NDArray[Any],
        encode: Callable[[ArrayRaster, Segmentation], T],
        *,
        probabilities: bool = False,
        may_omit: bool = False,
    ) -> T:
        """Segment an image and encode the result; all in a worker thread.

        Who is cancelled while the image waits frees its place.

        Args:
            source: the bytes of an image file, or an array of stored values, H x W x bands, as
                `TrainedSegmenter.predict` takes it.
            encode: makes the answer of the image and its segmentation.
            probabilities: whether to compute them.
            may_omit: leave them out where there are too many; else the image is refused.

        Raises:
            DataError: the image cannot be read, or has too many probabilities.
            ConfigError: the export computes labels alone, and probabilities are requested.
            OverloadError: too many wait.
            ExpiredError: it waited too long.
        """

        def work() -> T:
            started_s = perf_counter()
            raster = self._raster(source)
            decoded_s = perf_counter()
            self.observe("decode", decoded_s - started_s)
            has_them = probabilities and self._has_room(raster, may_omit)
            if not self._joins:
                self.observe_batch(1)
            try:
                segmentation = self._segment(raster, probabilities=has_them)
                self.observe("network", perf_counter() - decoded_s)
                return encode(raster, segmentation)
            finally:
                if raster.height * raster.width > _LARGE_PIXELS:
                    give_back_memory()

        job = self.workers.submit(work)
        result = asyncio.wrap_future(job)
        try:
            await asyncio.wait([result], timeout=self._timeout_s)
            if not result.done() and job.cancel():
                raise ExpiredError(
                    f"the image waited for {self._timeout_s:g} s and is given up; ask again later"
                )
            return await result
        finally:
            result.cancel()
            job.cancel()  # frees its place, unless a thread has taken it

    def _observe_pass(self, size: int) -> None:
        self.observe_batch(size)  # which is set later

    def _raster(self, source: bytes | NDArray[Any]) -> ArrayRaster:
        decoding = self.model.decoding
        if isinstance(source, bytes):
            return decode(source, decoding, max_pixels=self._max_pixels)
        return ArrayRaster.of(as_array(source, decoding), decoding)

    def _has_room(self, raster: ArrayRaster, may_omit: bool) -> bool:
        """Return whether there is room for all probabilities; refuse the image if they must be."""
        outputs = self.model.labels.num_outputs
        if outputs * raster.height * raster.width <= _MOST_PROBABILITIES:
            return True
        if may_omit:
            return False
        raise DataError(
            f"image: {raster.width} x {raster.height} px have too many probabilities of {outputs}"
            f" classes\n  allowed: {_MOST_PROBABILITIES // outputs} px; send a part of it, or ask"
            " for its labels alone",
            fault="too_large",
        )

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

    def warm_up(self, *sizes: tuple[int, int]) -> None:
        """Segment images of some sizes in each worker, so that no request waits for compilers."""
        decoding = self.model.decoding

        def segment() -> None:
            for size in sizes:
                image_HWC = np.zeros((*size, decoding.channels), decoding.dtype)
                self._segment(ArrayRaster(image_HWC), probabilities=not self.model.labels_alone)
                self._segment(ArrayRaster(image_HWC), probabilities=False)

        self.workers.run_on_each(segment)
        self.ready = True

    def close(self, timeout_s: float = 60.0) -> bool:
        """Finish what was accepted; return whether that was done in time."""
        return self.workers.close(timeout_s)


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
        raise UnknownModelError(f"no model {name!r}: there is {names}")
