"""How Lightning writes and reads checkpoints; a module of its own, since Lightning loads slowly."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO

from seg.errors import StorageError, error_summary
from seg.io.atomic import write_atomically
from seg.models.weights.digests import DIGESTS_KEY, digests
from seg.models.weights.torch_file import CHECKPOINT_KEY, load_safely


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint files that are written beside the target, then renamed.

    So a kill or a full disk leaves the old file whole. Only tensors and plain data are read.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint with the digests of its tensors."""
        try:
            own = {**checkpoint[CHECKPOINT_KEY], DIGESTS_KEY: digests(checkpoint)}
            content = {**checkpoint, CHECKPOINT_KEY: own}
            write_atomically(Path(path), lambda file: torch.save(content, file))
        except (OSError, RuntimeError) as error:  # torch raises the latter for a full disk
            raise StorageError(
                f"{path}: cannot be written ({error_summary(error, 120)})\n"
                "  the checkpoint before it is whole; make room, then go on with resume=RUN_DIR"
            ) from error

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint of tensors and plain data."""
        content: dict[str, Any] = load_safely(Path(path))
        return content
