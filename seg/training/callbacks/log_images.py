"""Images of predictions during training, in every logger that takes images."""

from typing import Any

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer

from seg.errors import ConfigError
from seg.training.callbacks.checkpoints import in_training
from seg.training.loggers.image_logging import accepts_images, log_image_array
from seg.visualization.grids import predicted_grid


class LogImages(Callback):
    """Logged images of the same validation samples: image, label, prediction, error.

    Args:
        samples: how many, spread evenly over the split; 1 or more.

    Raises:
        ConfigError: no samples.
    """

    def __init__(self, *, samples: int) -> None:
        super().__init__()
        if samples < 1:
            raise ConfigError(f"callbacks.log_images.samples={samples}; allowed: 1 or more")
        self.samples = samples

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the samples as one image."""
        # before `on_validation_end`, where averaged weights leave the network
        loggers = [logger for logger in trainer.loggers if accepts_images(logger)]
        if not (in_training(trainer) and trainer.is_global_zero and loggers):
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        model: Any = pl_module.model
        with trainer.precision_plugin.forward_context():
            image_HW3 = np.asarray(predicted_grid(model, data.split("val"), self.samples))
        for logger in loggers:
            log_image_array(logger, "val/predictions", image_HW3, trainer.global_step)
