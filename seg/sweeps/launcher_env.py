"""What processes that a launcher starts must find."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

PLUGINS = Path(__file__).resolve().parent / "plugins"


def add_plugins() -> None:
    """Let this process find `hydra_plugins.seg_sweeper`; what is installed comes first."""
    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))


def let_processes_find_plugins() -> None:
    """The same for those that this one starts: they unpickle what names the sweepers."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(PLUGINS) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, paths), str(PLUGINS)])


def is_installed(package: str) -> bool:
    """Whether a package can be imported."""
    return find_spec(package) is not None
