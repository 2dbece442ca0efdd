"""Where the YAML choices lie: in a checkout, inside the package of a wheel, in plugins."""

from pathlib import Path

from seg.config.plugins import plugins

_PACKAGE = Path(__file__).resolve().parent.parent


def conf_dir() -> Path:
    """Return the absolute directory of `train.yaml` and the config groups.

    Raises:
        FileNotFoundError: neither layout is there; the installation is damaged.
    """
    for candidate in (_PACKAGE / "conf", _PACKAGE.parent / "conf"):
        if (candidate / "train.yaml").is_file():
            return candidate
    raise FileNotFoundError(f"no conf/ beside or inside {_PACKAGE}: reinstall seg-xception")


def is_group(name: str) -> bool:
    """Return whether there is a configuration group of that name, such as `loss`."""
    return any((place / name).is_dir() for place in _places())


def groups() -> list[str]:
    """Return the names of all configuration groups, sorted."""
    return sorted({each.name for place in _places() for each in place.iterdir() if each.is_dir()})


def option_files(group: str) -> list[Path]:
    """Return the files of a group's options, those of plugins included, by name."""
    files = [file for place in _places() for file in (place / group).glob("*.yaml")]
    return sorted(files, key=lambda file: file.stem)


def option_file(group: str, option: str) -> Path | None:
    """Return the file of an option; None where there is none."""
    files = (place / group / f"{option}.yaml" for place in _places())
    return next((file for file in files if file.is_file()), None)


def _places() -> list[Path]:
    return [conf_dir(), *(place for plugin in plugins() for place in plugin.conf_dirs)]
