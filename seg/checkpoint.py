"""Plain checkpoints: tensors, a plain configuration and a label space; no pickled objects."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins import TorchCheckpointIO
from torch import Tensor

from seg.data.labels import LabelSpace
from seg.errors import DataError, StorageError
from seg.models.contract import Normalization
from seg.models.weights.torch_file import (
    CHECKPOINT_KEY,
    find_checkpoint,
    load_safely,
    network_state,
    stored_normalization,
)
from seg.outputs.files import write_atomically
from seg.task import CHECKPOINT_FORMAT


@dataclass(frozen=True)
class Checkpoint:
    """What is needed to use a trained model.

    Attributes:
        path: the file.
        config: the resolved training configuration, plain data.
        labels: the classes it was trained on.
        model_state: the network's tensors, under the network's own names.
        normalization: what the network's images go through; None: as its encoder has it.
        step: optimizer steps that it was trained for.
    """

    path: Path
    config: dict[str, Any]
    labels: LabelSpace
    model_state: dict[str, Tensor]
    normalization: Normalization | None
    step: int

    @property
    def identity(self) -> Path:
        """The file whose hash tells this network from any other."""
        return self.path

    @property
    def engine(self) -> str:
        """What computes."""
        return "torch"


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of ours; a run directory stands for its `checkpoints/best.ckpt`.

    Raises:
        DataError: missing, damaged, foreign or hostile file, named with the remedy; nothing is
            executed.
    """
    path = _find(path)
    content = load_safely(path)
    if not isinstance(content, dict) or CHECKPOINT_KEY not in content:
        raise DataError(
            f"{path}: a torch file, but not one of ours; use checkpoints/best.ckpt of a run"
        )
    try:
        return _parse(path, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: damaged: {type(error).__name__} {error}") from None


def _parse(path: Path, content: dict[str, Any]) -> Checkpoint:
    own = content[CHECKPOINT_KEY]
    if own["format"] != CHECKPOINT_FORMAT:
        raise DataError(
            f"{path}: checkpoint format {own['format']}; this version reads "
            f"{CHECKPOINT_FORMAT}; update seg-xception"
        )
    return Checkpoint(
        path,
        dict(own["config"]),
        LabelSpace.from_dict(own["labels"]),
        network_state(content),
        stored_normalization(own),
        int(content.get("global_step", 0)),
    )


def _find(path: Path) -> Path:
    found = find_checkpoint(path)
    if found is not None:
        return found
    if path.is_dir():
        raise DataError(
            f"checkpoint={path}: a folder without checkpoints/best.ckpt; "
            "give a run directory or a file"
        )
    raise DataError(
        f"checkpoint={path}: no such file; give a run directory or its checkpoints/best.ckpt"
    )


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, then renames: a kill or a full disk leaves the old file whole.

    Reads tensors and plain data only.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        try:
            write_atomically(Path(path), lambda file: torch.save(checkpoint, file))
        except (OSError, RuntimeError) as error:  # torch tells of a full disk by the latter
            reason = str(error).splitlines()[0][:120]
            raise StorageError(
                f"{path}: cannot be written ({reason})\n"
                "  the checkpoint before it is whole; make room, then go on with resume=RUN_DIR"
            ) from error

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        content: dict[str, Any] = load_safely(Path(path))
        return content
