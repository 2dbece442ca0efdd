"""Errors from the depths of a training -> what a user can do."""

from collections.abc import Iterator
from contextlib import contextmanager

from lightning_fabric.utilities.exceptions import MisconfigurationException

from seg.build.segmentation import FitParts
from seg.data.loading.loader import SegmentationLoader
from seg.engine.oom_advice import is_shortage, shortage
from seg.errors import ConfigError, DataError


@contextmanager
def translated_errors(parts: FitParts) -> Iterator[None]:
    """Turn what a trainer's settings, its workers or its memory provoke into a `UserError`."""
    try:
        yield
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {error}") from error
    except (MemoryError, RuntimeError) as error:
        if is_shortage(error):
            raise shortage(parts, error) from None
        failure = _worker_failure(parts, error)
        if failure is None:
            raise
        raise failure from error


def _worker_failure(parts: FitParts, error: BaseException) -> DataError | None:
    """torch tells of a dead worker in the midst of whatever the main process does."""
    for loader in (parts.trainer.train_dataloader, parts.trainer.val_dataloaders):
        if isinstance(loader, SegmentationLoader) and isinstance(error, RuntimeError):
            failure = loader.worker_failure(error)
            if failure is not None:
                return failure
    return None
