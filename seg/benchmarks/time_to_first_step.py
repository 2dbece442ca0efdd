"""`python -m seg.benchmarks.time_to_first_step KEY=VALUE ...`: trains for one step."""

import os
import runpy

from seg.cpu import disable_malloc_trim, limit_openmp_spin


def _end(*_: object) -> None:
    os._exit(0)  # no checkpoint, no scores: the clock stops here


def main() -> None:
    """As `python -m seg.train`, up to the first step of an optimizer."""
    disable_malloc_trim()
    limit_openmp_spin()
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(_end)
    runpy.run_module("seg.train", run_name="__main__")


if __name__ == "__main__":
    main()
