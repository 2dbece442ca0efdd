"""One function that logs an image with any logger."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.loggers import MLFlowLogger, TensorBoardLogger, WandbLogger


def accepts_images(logger: Any) -> bool:
    """Return whether `log_image_array` logs anything there."""
    known = isinstance(logger, TensorBoardLogger | WandbLogger | MLFlowLogger)
    return known or hasattr(logger, "log_image_array")


def log_image_array(logger: Any, key: str, image_HW3: NDArray[np.uint8], step: int) -> None:
    """Log an image in TensorBoard, W&B, MLflow, or a logger with `log_image_array`.

    With another logger, do nothing.

    Args:
        logger: any of Lightning's kind.
        key: name, with `/` between its parts.
        image_HW3: uint8, H x W x 3.
        step: of the optimizer.
    """
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(key, image_HW3, step, dataformats="HWC")
    elif isinstance(logger, WandbLogger):
        logger.log_image(key, [image_HW3], step)
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, image_HW3, key=key.replace("/", "_"), step=step)
    elif hasattr(logger, "log_image_array"):
        logger.log_image_array(key, image_HW3, step)
