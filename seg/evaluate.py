"""Command `python -m seg.evaluate checkpoint=...` or `compare=[A,B]`: scores of one or two."""

import logging
from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import EvaluateConfig

log = logging.getLogger(__name__)


@app("evaluate", EvaluateConfig)
def main(config: EvaluateConfig, run_dir: Path) -> float | None:
    """Write `metrics.json` into `run_dir`, its scores under the split: `test/miou`.

    With `compare`, write `comparison.json` instead.

    Returns:
        mIoU; None of a comparison.
    """
    if config.compare is not None:
        _compare(config, run_dir)
        return None
    from seg.evaluation.run import run_evaluation

    return run_evaluation(config, run_dir)[f"{config.split}/miou"]


def _compare(config: EvaluateConfig, run_dir: Path) -> None:
    from seg.evaluation.comparison import compare, table
    from seg.io.atomic import write_json

    comparison = compare(config.compare or [], config.across)
    write_json(run_dir / "comparison.json", comparison)
    log.info("%s", "\n".join(table(comparison)))
    log.info("comparison: %s", run_dir / "comparison.json")


if __name__ == "__main__":
    main()
