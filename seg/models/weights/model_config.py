"""`config.json` beside weights: what timm, smp and the Hub say of a model."""

from pathlib import Path
from typing import Any

from seg.errors import DataError
from seg.io.json_file import read_json
from seg.models.interfaces import Normalization

_REMEDY = "mend it, or move it away if it does not describe these weights"


def normalization_beside(path: Path) -> Normalization | None:
    """Return what the images went through, as the `config.json` of weights says.

    Args:
        path: a weight file, or a directory that holds one with its `config.json`.

    Returns:
        `mean` and `std`, of timm below `pretrained_cfg`; None where there is no such file, or it
        does not tell them.

    Raises:
        DataError: a file that is no JSON, or numbers that are no normalization.
    """
    config = (path if path.is_dir() else path.parent) / "config.json"
    if not config.is_file() or not path.exists():
        return None
    content: Any = read_json(config, "model configuration", remedy=_REMEDY)
    entry = content.get("pretrained_cfg", content) if isinstance(content, dict) else None
    if not isinstance(entry, dict) or not {"mean", "std"} <= entry.keys():
        return None
    try:
        return Normalization.from_dict(entry)
    except (TypeError, ValueError) as error:
        raise DataError(f"{config}: mean and std are damaged ({error})\n  {_REMEDY}") from None
