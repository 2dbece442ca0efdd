"""Passes of several threads, joined into batches of images of one size."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor

from seg.inference.image_model import ImageModel
from seg.models.coarse_logits import CoarseLogits

R = TypeVar("R")
_MOST_WAIT_S = 0.003  # for images of the same size: below the time of a pass


def batched(
    model: ImageModel, max_batch: int, observe: Callable[[int], object] = lambda _: None
) -> ImageModel:
    """Return a model that joins the passes of threads that call it at the same time.

    On a GPU a batch takes hardly longer than an image. On a CPU it takes as much longer as it has
    images, and each thread is faster alone. Results of a batch may differ from those of single
    images by rounding, as libraries choose other kernels.

    Args:
        model: on its device.
        max_batch: images of a pass.
        observe: called with the number of images of each pass.
    """
    return cast(ImageModel, _Batched(model, max_batch, observe))


class _Batched:
    """`ImageModel` in front of another one."""

    def __init__(self, model: ImageModel, max_batch: int, observe: Callable[[int], object]) -> None:
        self._model = model
        self.forward_image = _Joined(model.forward_image, _logits_apart, max_batch, observe)
        self.argmax_labels = _Joined(model.argmax_labels, _labels_apart, max_batch, observe)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _logits_apart(logits: CoarseLogits) -> Sequence[CoarseLogits]:
    return [CoarseLogits(values[None], logits.resize) for values in logits.values]


def _labels_apart(label_BHW: Tensor) -> Sequence[Tensor]:
    return [label_HW[None] for label_HW in label_BHW]


@dataclass(eq=False)
class _Call(Generic[R]):
    image_1CHW: Tensor
    result: "Future[R]" = field(default_factory=Future)

    @property
    def kind(self) -> tuple[torch.Size, torch.dtype]:
        return self.image_1CHW.shape, self.image_1CHW.dtype


class _Joined(Generic[R]):
    """A function of a batch of images that many threads call with one image each.

    Args:
        call: the function.
        apart: cuts its result into those of single images.
        max_batch: images of a call.
        observe: called with the number of images of each call.
    """

    def __init__(
        self,
        call: Callable[[Tensor], R],
        apart: Callable[[R], Sequence[R]],
        max_batch: int,
        observe: Callable[[int], object],
    ) -> None:
        self._call, self._apart, self._max_batch = call, apart, max_batch
        self._observe = observe
        self._waiting: list[_Call[R]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="seg-batches", daemon=True).start()

    def __call__(self, image_1CHW: Tensor) -> R:
        """Return what the function gives for an image, computed with others of its size."""
        call: _Call[R] = _Call(image_1CHW)
        with self._changed:
            self._waiting.append(call)
            self._changed.notify()
        return call.result.result()

    @torch.inference_mode()
    def _run(self) -> None:
        while True:
            calls = self._take()
            try:
                self._observe(len(calls))
                parts = self._apart(self._call(torch.cat([each.image_1CHW for each in calls])))
            except Exception as error:
                self._run_apart(calls, error)
                continue
            for each, part in zip(calls, parts, strict=True):
                each.result.set_result(part)
            del calls, parts

    def _run_apart(self, calls: Sequence[_Call[R]], error: Exception) -> None:
        """Run images one by one where their batch failed, such as for lack of memory."""
        for each in calls:
            try:
                if len(calls) == 1:
                    raise error
                each.result.set_result(self._call(each.image_1CHW))
            except Exception as own_error:
                each.result.set_exception(own_error)

    def _take(self) -> list[_Call[R]]:
        """Wait for an image, and shortly for others of its size."""
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            kind = self._waiting[0].kind
            until_s = perf_counter() + _MOST_WAIT_S
            while True:
                calls = [each for each in self._waiting if each.kind == kind][: self._max_batch]
                left_s = until_s - perf_counter()
                if len(calls) == self._max_batch or left_s <= 0:
                    break
                self._changed.wait(left_s)
            self._waiting = [each for each in self._waiting if each not in calls]
            return calls
