"""`python -m seg.train`: fit, score the best weights, return the monitored value to the sweeper."""

from pathlib import Path

from seg.app import app
from seg.config.schema import TrainConfig


@app("train", TrainConfig)
def main(config: TrainConfig, run_dir: Path) -> float | None:
    """Train; leave checkpoints, `metrics.csv`, `metrics.json`, `predictions.png` in `run_dir`.

    Returns:
        mIoU of the best weights on the validation split; None after a dry run.
    """
    from seg.assemble.parts import assemble
    from seg.fitting import dry_run, fit

    parts = assemble(config, run_dir)
    if config.dry_run:
        dry_run(parts)
        return None
    return fit(parts, run_dir)


if __name__ == "__main__":
    main()
