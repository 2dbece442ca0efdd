"""The sweeper as Hydra finds it; the work is in `seg.sweeps`.

Hydra takes plugins from `hydra_plugins` alone and scans them at each start.
"""

from typing import Any

from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SegSweeper(Sweeper):
    """Stores what Hydra passes until the sweep begins; options: `conf/hydra/sweeper/*.yaml`."""

    def __init__(self, **options: Any) -> None:
        """Store the options."""
        self.options = options

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store Hydra's context and create the launcher."""
        from hydra.core.plugins import Plugins

        from seg.sweeps.parent_process import announce_sweep

        self.context = hydra_context, config
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        announce_sweep()

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep."""
        from seg.sweeps.sweep import sweep
        from seg.xception_paper.report_sections import paper_sections

        return sweep(
            self.options, arguments, *self.context, self.launcher, make_sections=paper_sections
        )
