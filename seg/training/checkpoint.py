"""Checkpoints of plain content: tensors, a configuration and a label space; no pickled objects."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from seg.config.former_keys import with_present_keys
from seg.data.label_space import LabelSpace
from seg.errors import DataError, brief, error_summary
from seg.models.checkpoint_file import require_checkpoint
from seg.models.interfaces import Normalization
from seg.models.weights.state_dict_matching import require_finite
from seg.models.weights.torch_file import (
    CHECKPOINT_FORMAT,
    CHECKPOINT_KEY,
    load_safely,
    mapping_at,
    network_state,
    stored_normalization,
)

SEGMENTATION = "segmentation"
_KINDS = (SEGMENTATION, "classification")
_DEEPEST, _MOST_VALUES = 32, 1_000_000  # of a configuration and its classes


@dataclass(frozen=True)
class State:
    """Content of a checkpoint of any run.

    Attributes:
        path: the file.
        kind: of network: `segmentation` or `classification`.
        config: the resolved configuration, plain data.
        classes: the classes of its training, plain data.
        model_state: the network's tensors, under the network's own names.
        normalization: of the network's images; None: as its encoder has it.
        step: optimizer steps of its training.
        plugins: targets of plugins that the user lets it name.
    """

    path: Path
    kind: str
    config: dict[str, Any]
    classes: dict[str, Any]
    model_state: dict[str, Tensor]
    normalization: Normalization | None
    step: int
    plugins: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def identity(self) -> Path:
        """Return the file whose hash identifies this network."""
        return self.path

    @property
    def engine(self) -> str:
        """Return the name of the library that computes."""
        return "torch"


@dataclass(frozen=True)
class Checkpoint(State):
    """Content of a segmenter's checkpoint.

    Attributes:
        labels: the classes of its training.
    """

    labels: LabelSpace


def read_checkpoint(path: Path, *, plugins: Collection[str] = ()) -> Checkpoint:
    """Read a segmenter's checkpoint; a run directory stands for its `checkpoints/best.ckpt`.

    Args:
        path: the file or the run directory.
        plugins: targets of plugins that it may name.

    Raises:
        DataError: as for `read_state`; also an image classifier.
    """
    state = read_state(path)
    if state.kind != SEGMENTATION:
        raise DataError(
            f"{state.path}: an image classifier of seg.pretrain, which labels no pixels\n"
            "  train a segmenter from it: python -m seg.train encoder.weights=RUN_DIR"
        )
    try:
        labels = LabelSpace.from_dict(state.classes)
    except Exception as error:
        raise _damaged(state.path, error) from None
    return Checkpoint(**{**vars(state), "plugins": tuple(plugins)}, labels=labels)


def read_state(path: Path) -> State:
    """Read a checkpoint of any run; a run directory stands for its `checkpoints/best.ckpt`.

    Raises:
        DataError: missing, damaged, foreign or hostile file, named with the remedy; nothing is
            executed.
    """
    path = require_checkpoint(path)
    content = load_safely(path)
    if not isinstance(content, dict) or CHECKPOINT_KEY not in content:
        raise DataError(
            f"{path}: a torch file, but not one of ours; use checkpoints/best.ckpt of a run"
        )
    try:
        require_plain(content[CHECKPOINT_KEY])
        state = _parse(path, content)
        require_finite(state.model_state, path)
        return state
    except (DataError, MemoryError):
        raise
    except Exception as error:  # tensors in the place of plain values raise nearly anything
        raise _damaged(path, error) from None


def require_plain(content: Any) -> None:
    """Refuse content that is nested too deep or far too large for a configuration.

    Raises:
        ValueError: what is wrong.
    """
    todo, count = [(content, 0)], 0
    while todo:
        value, depth = todo.pop()
        count += 1
        if depth > _DEEPEST or count > _MOST_VALUES:
            raise ValueError(f"nested deeper than {_DEEPEST} or more than {_MOST_VALUES} values")
        if isinstance(value, Mapping):
            todo += [(item, depth + 1) for item in (*value.keys(), *value.values())]
        elif isinstance(value, list | tuple | set | frozenset):
            todo += [(item, depth + 1) for item in value]


def _damaged(path: Path, error: Exception) -> DataError:
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__} "
    return DataError(
        f"{path}: damaged: {kind}{error_summary(error)}\n"
        "  take another checkpoint of the run, or restore it from a copy"
    )


def _parse(path: Path, content: dict[str, Any]) -> State:
    own = mapping_at(content, CHECKPOINT_KEY)
    version = own.get("format")
    if version != CHECKPOINT_FORMAT:
        raise DataError(
            f"{path}: checkpoint format {brief(version)}; this version reads "
            f"{CHECKPOINT_FORMAT}; update seg-xception"
        )
    kind = own.get("kind", SEGMENTATION)  # the oldest checkpoints have no kind
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"kind {brief(kind)}, not one of {', '.join(_KINDS)}")
    config = with_present_keys(mapping_at(content, CHECKPOINT_KEY, "config"))
    classes = dict(mapping_at(content, CHECKPOINT_KEY, "labels"))
    tensors, normalization = network_state(content), stored_normalization(own)
    step = content.get("global_step", 0)
    if not isinstance(step, int) or step < 0:
        raise ValueError(f"global_step is {brief(step)}; a whole number from 0 is expected")
    return State(path, kind, config, classes, tensors, normalization, step)
