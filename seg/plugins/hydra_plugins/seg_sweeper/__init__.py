"""What Hydra finds of the sweepers: it takes plugins from `hydra_plugins` alone, and scans them at
each start. The work is in `seg.sweeping`."""

from collections.abc import Mapping
from typing import Any

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class _SegSweeper(Sweeper):
    """Keeps what Hydra hands over until the sweep begins."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from hydra.core.plugins import Plugins

        from seg.sweeping.processes import let_processes_find_plugins

        self.given = hydra_context, config
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        let_processes_find_plugins()

    def _sweep(self, options: Mapping[str, Any], arguments: list[str]) -> Any:
        from seg.sweeping.sweep import sweep

        return sweep(options, arguments, *self.given, self.launcher)


class GridSweeper(_SegSweeper):
    """Every combination; options: `conf/hydra/sweeper/grid.yaml`."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def sweep(self, arguments: list[str]) -> Any:
        return self._sweep(self.options, arguments)


class OptunaSweeper(_SegSweeper):
    """Trials that learn from those before; options: `conf/hydra/sweeper/tpe.yaml`."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def sweep(self, arguments: list[str]) -> Any:
        return self._sweep(self.options, arguments)
