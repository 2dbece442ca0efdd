"""Batches of tensors from samples, read in this process or in workers."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeAlias, TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate, get_worker_info

from seg.data.loading.resumable_sampler import EpochOrder, OrderState, SampleKey
from seg.data.loading.workers import shared_memory_shortage, start_worker, starting_workers
from seg.data.sample import LabelledDataset
from seg.errors import DataError, UserError

_IDLE = -1
Transform: TypeAlias = Callable[[Any, tuple[int, int, int]], Any]
"""A sample of some kind and (seed, epoch, index) -> a sample of that kind."""


class Batch(TypedDict):
    """A batch of samples.

    Attributes:
        name: of the samples, B.
        image: uint8, B x 3 x H x W, RGB, in channels_last memory.
        label: uint8, for more than 255 classes int32, B x H x W, train ids or the ignore index; of
            whole images int64, B, or float32, B x classes.
        index: int64, B, positions in the dataset.
        epoch: int64, B, in which the samples are seen.
    """

    name: list[str]
    image: Tensor
    label: Tensor
    index: Tensor
    epoch: Tensor


class KeyedDataset(Dataset[Any]):
    """A dataset indexed by `SampleKey`: samples are augmented by (seed, epoch, index).

    An error is returned in place of the item: raised in a worker, it would reach the user wrapped
    in that worker's traceback. `SegmentationLoader` raises it again in the process that trains.
    """

    def __init__(
        self, dataset: LabelledDataset, *, augmentation: Transform | None, seed: int
    ) -> None:
        self._dataset = dataset
        self._augmentation = augmentation
        self._seed = seed
        self._current_samples: Tensor | None = None

    def watch(self, num_workers: int) -> None:
        """Share a table of the sample that each worker is reading among all processes."""
        self._current_samples = torch.full((num_workers, 2), _IDLE, dtype=torch.int64)
        with starting_workers():
            self._current_samples.share_memory_()  # type: ignore[no-untyped-call]

    def current_samples(self, pids: Collection[int] | None = None) -> list[str]:
        """Name the samples that workers are reading or read last.

        Args:
            pids: process ids; None: all that are reading a sample.
        """
        rows = [] if self._current_samples is None else self._current_samples.tolist()
        split = f"of split {self._dataset.split!r}"
        return [
            f"worker {worker} had {'none' if index == _IDLE else f'sample {index} {split}'}"
            for worker, (pid, index) in enumerate(rows)
            if (index != _IDLE if pids is None else pid in pids)
        ]

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: SampleKey) -> dict[str, Any] | UserError:
        worker = get_worker_info()
        if worker is None or self._current_samples is None:
            return self._read(key)
        self._current_samples[worker.id] = torch.tensor([os.getpid(), key.index])
        item = self._read(key)
        self._current_samples[worker.id, 1] = _IDLE
        return item

    def _read(self, key: SampleKey) -> dict[str, Any] | UserError:
        try:
            sample: Any = self._dataset[key.index]
            if self._augmentation is not None:
                sample = self._augmentation(sample, (self._seed, key.epoch, key.index))
        except UserError as error:
            where = f"  (sample {key.index} of split {self._dataset.split!r}, epoch {key.epoch})"
            located = type(error)(f"{error}\n{where}")
            for note in getattr(error, "__notes__", ()):
                located.add_note(note)
            return located
        return {
            "name": sample.name,
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
        timeout_s: the longest wait for a batch, seconds.
    """

    def __init__(
        self,
        samples: KeyedDataset,
        order: EpochOrder,
        *,
        num_workers: int,
        prefetch_factor: int,
        pin_memory: bool,
        timeout_s: float,
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
            timeout=timeout_s if num_workers else 0,
            collate_fn=collate,
            worker_init_fn=start_worker,
            # Without one of its own, every pass would draw from the generator that dropout uses.
            generator=torch.Generator(),
        )
        self.order = order
        self._samples = samples
        samples.watch(num_workers)

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        with starting_workers():
            batches = super().__iter__()
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except RuntimeError as error:
                failure = self.worker_failure(error)
                self._stop_workers()
                if failure is None:
                    raise
                raise failure from error
            if isinstance(batch, UserError):
                self._stop_workers()
                raise batch
            self.order.advance()
            yield batch

    def worker_failure(self, error: RuntimeError) -> DataError | None:
        """Return an error for users where a worker of this loader died or hung; None for others.

        torch reports a dead worker from its signal handler, at any point of the main process.
        """
        text = str(error)
        if (shortage := shared_memory_shortage(error)) is not None:
            return shortage
        if "DataLoader timed out" in text:
            return DataError(
                f"no batch within loader.timeout_s={self.timeout:g} s: "
                f"{'; '.join(self._samples.current_samples()[:4]) or 'no worker had a sample'}\n"
                "  look at the storage and at those samples, or give a longer loader.timeout_s"
            )
        killed = self._samples.current_samples({int(pid) for pid in re.findall(r"\d+", text)})
        if "DataLoader worker (pid" not in text or not killed:
            return None
        return DataError(
            f"a loader worker was killed: {'; '.join(killed[:4])}\n"
            "  most often for want of memory or of room in /dev/shm: lower loader.num_workers or "
            "loader.prefetch_factor"
        )

    def state_dict(self) -> OrderState:
        """Return how much of the order was delivered; Lightning stores it in every checkpoint."""
        return self.order.state_dict()

    def load_state_dict(self, state_dict: OrderState) -> None:
        """Continue with the batch after those of `state_dict`."""
        self.order.load_state_dict(state_dict)

    def _stop_workers(self) -> None:
        # An error refers to them: left to the garbage collector they take 5 s each.
        workers: Any = self._iterator
        if workers is not None:
            workers._shutdown_workers()
            self._iterator = None


def collate(items: Sequence[dict[str, Any] | UserError]) -> Batch | UserError:
    """Stack items; the first error among them, or one about unequal sizes, replaces the batch."""
    samples: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, UserError):
            return item
        samples.append(item)
    sizes = {item["image"].shape[:2] for item in samples}
    if len(sizes) > 1:
        listed = ", ".join(
            f"sample {item['index']}: {item['image'].shape[1]} x {item['image'].shape[0]}"
            for item in samples[:4]
        )
        return DataError(
            f"samples of different sizes cannot share a batch ({listed})\n"
            "  for validation set loader.eval_batch_size=1, in seg.evaluate batch_size=1;\n"
            "  for training set augmentation.crop and end the transforms with that crop"
        )
    return {
        "name": [item["name"] for item in samples],
        "image": _stack([item["image"] for item in samples]).permute(0, 3, 1, 2),
        "label": _stack([item["label"] for item in samples]),
        "index": torch.tensor([item["index"] for item in samples]),
        "epoch": torch.tensor([item["epoch"] for item in samples]),
    }


def _stack(arrays: list[NDArray[Any]]) -> Tensor:
    if arrays[0].dtype == np.uint16:  # of which torch compares and fills nothing
        arrays = [array.astype(np.int32) for array in arrays]
    if get_worker_info() is None:
        # torch would hand the copy to threads that are busy with the network
        return torch.from_numpy(np.stack(arrays))
    writeable = (array if array.flags.writeable else array.copy() for array in arrays)
    # straight into memory shared with the trainer
    stacked: Tensor = default_collate([torch.from_numpy(array) for array in writeable])
    return stacked
