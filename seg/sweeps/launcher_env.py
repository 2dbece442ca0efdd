"""The import path of the sweeper, for this process and those that launchers start."""

import os
import sys
from pathlib import Path

PLUGINS = Path(__file__).resolve().parent / "plugins"


def add_plugins() -> None:
    """Make `hydra_plugins.seg_sweeper` importable here; installed packages come first."""
    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))


def export_plugin_path() -> None:
    """Make it importable in processes started here, which unpickle the sweepers."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(PLUGINS) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, paths), str(PLUGINS)])
