"""What Hydra finds of the sweeper: it takes plugins from `hydra_plugins` alone, and scans them at
each start. The work is in `seg.sweeps`."""

from typing import Any

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SegSweeper(Sweeper):
    """Keeps what Hydra hands over until the sweep begins; options: `conf/hydra/sweeper/*.yaml`."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from hydra.core.plugins import Plugins

        from seg.sweeps.launcher_env import let_processes_find_plugins
        from seg.sweeps.parent_process import announce_sweep

        self.given = hydra_context, config
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        let_processes_find_plugins()
        announce_sweep()

    def sweep(self, arguments: list[str]) -> Any:
        from seg.sweeps.sweep import sweep

        return sweep(self.options, arguments, *self.given, self.launcher)
