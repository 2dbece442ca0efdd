"""Advice where memory ran out and other errors of a training that a user can mend."""

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor

from seg.build.segmentation import FitParts
from seg.cpu import give_back_memory
from seg.data.loading.loader import SegmentationLoader
from seg.errors import ConfigError, OutOfMemoryError, chain_of

_MESSAGES = (
    *("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory"),
    "could not create a primitive",  # oneDNN's only word for it
)


@contextmanager
def translated_errors(parts: FitParts) -> Iterator[None]:
    """Turn what a trainer's settings, its workers or its memory provoke into a `UserError`."""
    try:
        yield
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {error}") from error
    except (MemoryError, RuntimeError) as error:
        if _is_shortage(error):
            raise _shortage(parts, error) from None
        # torch reports a dead worker in the midst of whatever the main process does
        for loader in (parts.trainer.train_dataloader, parts.trainer.val_dataloaders):
            if isinstance(loader, SegmentationLoader) and isinstance(error, RuntimeError):
                failure = loader.worker_failure(error)
                if failure is not None:
                    raise failure from error
        raise


def _is_shortage(error: BaseException) -> bool:
    """Return whether an error says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(message in str(error).lower() for message in _MESSAGES)


def _shortage(parts: FitParts, error: BaseException) -> OutOfMemoryError:
    """Return the error that names what was too large, and a batch size that was tried and fits."""
    for each in chain_of(error):  # frames have the tensors of the step that failed
        traceback.clear_frames(each.__traceback__)
    reason = (str(error).strip() or "no more memory").splitlines()[0]
    trainer, batch_size = parts.trainer, parts.data.batch_size
    device = trainer.strategy.root_device
    batch = next(iter(parts.data.train_dataloader()))
    height, width = batch["image"].shape[2:]
    fits = _largest_that_fits(parts, {"image": batch["image"], "label": batch["label"]})
    shortage = (
        f"out of memory on {device} ({reason[:120]})\n"
        f"  loader.batch_size={batch_size}, crops of {height} x {width}, "
        f"trainer.precision={trainer.precision}\n"
    )
    if fits is None:
        return OutOfMemoryError(
            f"{shortage}  not even one crop fits: use a smaller {parts.task.crop_key} or encoder"
        )
    steps = trainer.accumulate_grad_batches * -(-batch_size // fits)
    return OutOfMemoryError(
        f"{shortage}  this fits: loader.batch_size={fits} trainer.accumulate_grad_batches={steps}; "
        "less memory is also used with encoder.gradient_checkpointing=true"
        + ("" if device.type == "cpu" else " and trainer.precision=bf16-mixed")
    )


def _largest_that_fits(parts: FitParts, batch: dict[str, Tensor]) -> int | None:
    """Return the largest half, quarter, ... of a batch whose step fits; None if none does."""
    size = len(batch["image"]) // 2
    while size:
        gc.collect()
        give_back_memory()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if _fits(parts, {key: value[:size] for key, value in batch.items()}):
            return size
        size //= 2
    return None


def _fits(parts: FitParts, batch: dict[str, Tensor]) -> bool:
    task, device = parts.task.train(), parts.trainer.strategy.root_device
    try:
        task.to(device)
        with parts.trainer.precision_plugin.forward_context():
            loss: Any = task.training_loss({k: value.to(device) for k, value in batch.items()})[0]
            loss.backward()
    except (MemoryError, RuntimeError) as error:
        if not _is_shortage(error):
            raise
        return False
    finally:
        task.zero_grad(set_to_none=True)
    return True
