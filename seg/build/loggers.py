"""Loggers of a run; those that talk to a server do so in the background."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from seg.build.instantiate import build
from seg.config.schema import Target
from seg.errors import ConfigError
from seg.training.loggers.async_logger import BackgroundLogger
from seg.training.loggers.csv_logger import Curve


def open_loggers(nodes: Mapping[str, Target | None], run_dir: Path) -> list[Logger]:
    """Build the loggers of a configuration.

    Raises:
        ConfigError: a wrong argument, or a package that is not installed, with its remedy.
    """
    return [_open_logger(name, node.node(), run_dir) for name, node in nodes.items() if node]


def _open_logger(name: str, node: dict[str, Any], run_dir: Path) -> Logger:
    try:
        logger: Logger = build(f"logger.{name}", node, save_dir=str(run_dir))
    except InstantiationException as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise ConfigError(
                f"logger.{name}: {error.__cause__}\n"
                f"  pip install 'seg-xception[{name}]', or choose another logger"
            ) from None
        raise
    local = isinstance(logger, Curve | TensorBoardLogger)
    return logger if local else BackgroundLogger(logger, name=name)
