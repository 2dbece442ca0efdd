"""`config.json` beside weights, as timm, smp and the Hub write it."""

from pathlib import Path
from typing import Any

from seg.errors import DataError, brief
from seg.io.json_file import read_json
from seg.models.interfaces import Normalization

_REMEDY = "mend it, or move it away if it does not describe these weights"


def normalization_beside(path: Path) -> Normalization | None:
    """Return the normalization that the `config.json` beside weights states.

    Args:
        path: a weight file, or a directory that holds one with its `config.json`.

    Returns:
        `mean` and `std`, of timm below `pretrained_cfg`; None where there is no such file, or it
        does not state them.

    Raises:
        DataError: a file that is no JSON, one of both alone, or numbers that are no normalization
            of values from 0 to 1.
    """
    config = (path if path.is_dir() else path.parent) / "config.json"
    if not config.is_file() or not path.exists():
        return None
    content: Any = read_json(config, "model configuration", remedy=_REMEDY)
    entry = content.get("pretrained_cfg") if isinstance(content, dict) else content
    if entry is None:
        entry = content
    if not isinstance(entry, dict):
        raise DataError(f"{config}: holds {brief(entry)}, not named values\n  {_REMEDY}")
    keys = [key for key in ("mean", "std") if entry.get(key) is not None]
    if not keys:
        return None
    if len(keys) == 1:
        raise DataError(
            f"{config}: gives a {keys[0]} alone; mean and std belong together\n  {_REMEDY}"
        )
    try:
        normalization = Normalization.from_dict(entry)
    except (TypeError, ValueError) as error:
        raise DataError(f"{config}: mean and std are damaged ({error})\n  {_REMEDY}") from None
    if max(*normalization.mean, *normalization.std) > 1:
        raise DataError(
            f"{config}: mean {brief(normalization.mean)} and std {brief(normalization.std)} are "
            "those of values from 0 to 255; they are meant for values from 0 to 1\n"
            "  divide both by 255 in that file"
        )
    return normalization
