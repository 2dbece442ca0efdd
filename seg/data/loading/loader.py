"""Samples -> batches of tensors, in this process or in workers, with errors kept readable."""

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate, get_worker_info

from seg.data.augmentation import Augmentation
from seg.data.loading.order import EpochOrder, OrderState, SampleKey
from seg.data.sample import SegmentationDataset
from seg.errors import DataError, UserError

_WORKER_KILLED = (
    "a loader worker was killed, most often for want of memory or of room in /dev/shm\n"
    "  lower loader.num_workers or loader.prefetch_factor"
)


class Batch(TypedDict):
    """What a loader yields.

    Attributes:
        image: uint8, B x 3 x H x W, RGB, in channels_last memory.
        label: uint8, B x H x W, train ids or the ignore index.
        index: int64, B, positions in the dataset.
        epoch: int64, B, in which the samples are seen.
    """

    image: Tensor
    label: Tensor
    index: Tensor
    epoch: Tensor


class KeyedSamples(Dataset[Any]):
    """A dataset asked by `SampleKey`: augmented by (seed, epoch, index).

    An error is returned in place of the item: one raised in a worker would reach the user wrapped
    in that worker's traceback. `SegmentationLoader` raises it again in the process that trains.
    """

    def __init__(
        self, dataset: SegmentationDataset, *, augmentation: Augmentation | None, seed: int
    ) -> None:
        self._dataset = dataset
        self._augmentation = augmentation
        self._seed = seed

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: SampleKey) -> dict[str, Any] | UserError:
        try:
            sample = self._dataset[key.index]
            if self._augmentation is not None:
                sample = self._augmentation(sample, (self._seed, key.epoch, key.index))
        except UserError as error:
            where = f"  (sample {key.index} of split {self._dataset.split!r}, epoch {key.epoch})"
            return type(error)(f"{error}\n{where}")
        return {
            "image": sample.image,
            "label": sample.label,
            "index": key.index,
            "epoch": key.epoch,
        }


class SegmentationLoader(DataLoader[Any]):
    """A DataLoader over an `EpochOrder` that yields `Batch`.

    Iterating raises the `UserError` of the sample that failed, and a `DataError` where samples of
    different sizes meet in one batch or a worker process was killed.

    Args:
        samples: the items.
        order: which of them make up each batch.
        num_workers: processes that read; 0: this one. They live as long as the loader.
        prefetch_factor: batches each worker reads ahead.
        pin_memory: page-lock batches, where there is a device to copy them to.
    """

    def __init__(
        self,
        samples: KeyedSamples,
        order: EpochOrder,
        *,
        num_workers: int,
        prefetch_factor: int,
        pin_memory: bool,
    ) -> None:
        # Before workers fork: the threads of OpenCV do not survive a fork, and would only compete.
        cv2.setNumThreads(0)
        super().__init__(
            samples,
            batch_sampler=order,
            num_workers=num_workers,
            prefetch_factor=prefetch_factor if num_workers else None,
            persistent_workers=num_workers > 0,
            pin_memory=pin_memory and torch.cuda.is_available(),
            collate_fn=collate,
            worker_init_fn=_start_worker,
            # Without one of its own, every pass would draw from the generator that dropout uses.
            generator=torch.Generator(),
        )
        self.order = order

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        batches = super().__iter__()
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except RuntimeError as error:
                self._stop_workers()
                if "DataLoader worker (pid" not in str(error):
                    raise
                raise DataError(_WORKER_KILLED) from error
            if isinstance(batch, UserError):
                self._stop_workers()
                raise batch
            self.order.advance()
            yield batch

    def state_dict(self) -> OrderState:
        """How much of the order was delivered; Lightning keeps it in every checkpoint."""
        return self.order.state_dict()

    def load_state_dict(self, state_dict: OrderState) -> None:
        """Go on with the batch after those of `state_dict`."""
        self.order.load_state_dict(state_dict)

    def _stop_workers(self) -> None:
        # Left to the garbage collector, with an error holding on to them, they take 5 s each.
        workers: Any = self._iterator
        if workers is not None:
            workers._shutdown_workers()
            self._iterator = None


def collate(items: Sequence[dict[str, Any] | UserError]) -> Batch | UserError:
    """Stack items; the first error among them, or one about unequal sizes, replaces the batch."""
    good: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, UserError):
            return item
        good.append(item)
    sizes = {item["label"].shape for item in good}
    if len(sizes) > 1:
        listed = ", ".join(
            f"sample {item['index']}: {item['label'].shape[1]} x {item['label'].shape[0]}"
            for item in good[:4]
        )
        return DataError(
            f"samples of different sizes cannot share a batch ({listed})\n"
            "  for validation set loader.eval_batch_size=1, in seg.evaluate batch_size=1;\n"
            "  for training set augmentation.crop and end the transforms with that crop"
        )
    return {
        "image": _stacked([item["image"] for item in good]).permute(0, 3, 1, 2),
        "label": _stacked([item["label"] for item in good]),
        "index": torch.tensor([item["index"] for item in good]),
        "epoch": torch.tensor([item["epoch"] for item in good]),
    }


def _stacked(arrays: list[NDArray[np.uint8]]) -> Tensor:
    if get_worker_info() is None:
        # torch would hand the copy to threads that are busy with the network
        return torch.from_numpy(np.stack(arrays))
    writeable = (array if array.flags.writeable else array.copy() for array in arrays)
    # straight into memory shared with the trainer
    stacked: Tensor = default_collate([torch.from_numpy(array) for array in writeable])
    return stacked


def _start_worker(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
