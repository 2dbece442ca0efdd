"""The logger for Trackio, which stores its numbers on this machine or in a Space."""

from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric.utilities.logger import _convert_params, _flatten_dict
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger


class TrackioLogger(Logger):
    """Logger of scalars, hyperparameters and images in Trackio (`trackio show`).

    Args:
        save_dir: the run directory; the run is named by its last two parts.
        project: project of the run.
        settings: of `trackio.init`, such as `space_id`.

    Raises:
        ModuleNotFoundError: trackio is not installed.
    """

    def __init__(self, *, save_dir: str, project: str, **settings: Any) -> None:
        super().__init__()
        self._trackio = import_module("trackio")
        self._settings = {"project": project, **settings}
        self._save_dir = save_dir
        self._run: Any = None

    @property
    def name(self) -> str:
        """Return the project."""
        return str(self._settings["project"])

    @property
    def version(self) -> str:
        """Return the run directory."""
        return self._save_dir

    def _started(self, config: dict[str, Any] | None = None) -> Any:
        if self._run is None:
            name = "-".join(Path(self._save_dir).parts[-2:])  # a slash would make directories
            self._run = self._trackio.init(name=name, config=config, **self._settings)
        return self._run

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Start the run with these hyperparameters."""
        self._started(_flatten_dict(_convert_params(params)))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log scalars."""
        self._started().log(dict(metrics), step=step)

    def log_image_array(self, key: str, image_HW3: NDArray[np.uint8], step: int) -> None:
        """Log an image, uint8, H x W x 3."""
        self._started().log({key: self._trackio.Image(image_HW3)}, step=step)

    def finalize(self, status: str) -> None:
        """Finish the run."""
        if self._run is not None:
            self._run.finish()
            self._run = None
