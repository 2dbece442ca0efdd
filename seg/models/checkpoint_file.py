"""Where the checkpoint of a path lies; asked without torch, whose import takes seconds."""

from pathlib import Path

from seg.errors import DataError


def find_checkpoint(path: Path) -> Path | None:
    """Return the file of a path: itself, or a run directory's `checkpoints/best.ckpt`."""
    if path.is_dir():
        path = path / "checkpoints" / "best.ckpt"
    return path if path.is_file() else None


def require_checkpoint(path: Path, *, key: str = "checkpoint") -> Path:
    """Return the file of a path, as `find_checkpoint` does.

    Args:
        path: of a checkpoint or a run directory.
        key: the option that names it.

    Raises:
        DataError: there is none.
    """
    file = find_checkpoint(path)
    if file is None:
        reason = (
            "a directory without checkpoints/best.ckpt; give a run directory or a file"
            if path.is_dir()
            else "no such file; give a run directory or its checkpoints/best.ckpt"
        )
        raise DataError(f"{key}={path}: {reason}")
    return file
