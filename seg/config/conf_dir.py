"""Where the YAML choices lie: at the top of a checkout, inside the package of a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def conf_dir() -> Path:
    """The absolute folder that holds `train.yaml` and the config groups.

    Raises:
        FileNotFoundError: neither layout is there; the installation is damaged.
    """
    for candidate in (_PACKAGE / "conf", _PACKAGE.parent / "conf"):
        if (candidate / "train.yaml").is_file():
            return candidate
    raise FileNotFoundError(f"no conf/ beside or inside {_PACKAGE}: reinstall seg-xception")
