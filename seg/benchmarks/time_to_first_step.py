"""One step of a training: `python -m seg.benchmarks.time_to_first_step KEY=VALUE ...`."""

import os
import runpy

from seg.cpu import disable_malloc_trim, limit_openmp_spin


def main() -> None:
    """Run `python -m seg.train` up to the first step of an optimizer."""
    disable_malloc_trim()
    limit_openmp_spin()
    from torch.optim.optimizer import register_optimizer_step_post_hook

    # no checkpoint, no scores: the clock stops here
    register_optimizer_step_post_hook(lambda *_: os._exit(0))
    runpy.run_module("seg.train", run_name="__main__")


if __name__ == "__main__":
    main()
