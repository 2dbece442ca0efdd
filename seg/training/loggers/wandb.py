"""The logger for Weights & Biases."""

import netrc
import os
from typing import Any

from pytorch_lightning import loggers

_HOST = "api.wandb.ai"


class WandbLogger(loggers.WandbLogger):
    """Lightning's logger; without a key it writes files that `wandb sync DIR` uploads later.

    Args:
        save_dir: directory of the files, below it `wandb/`.
        project: project of the run.
        offline: True: files alone; None: if `$WANDB_API_KEY` and `~/.netrc` hold no key.
        settings: of `wandb.init`: entity, group, tags and so on.
    """

    def __init__(
        self, *, save_dir: str, project: str, offline: bool | None = None, **settings: Any
    ) -> None:
        offline = not _has_key() if offline is None else offline
        super().__init__(save_dir=save_dir, project=project, offline=offline, **settings)


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(_HOST) is not None
    except (OSError, netrc.NetrcParseError):
        return False
