"""Command `python -m seg.train`: fit, score the best weights, return the score to the sweeper."""

from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.schema import TrainConfig
    from seg.io.terminal_bar import waiting_bar


@app("train", TrainConfig)
def main(config: TrainConfig, run_dir: Path) -> float | None:
    """Train; leave checkpoints, `metrics.csv`, `metrics.json`, `predictions.png` in `run_dir`.

    Returns:
        mIoU of the best weights on the validation split; None after a dry run.
    """
    from seg.build.datasets import open_ahead
    from seg.dataset_tools.detect import naming_other_kinds

    with waiting_bar("preparing"):
        with naming_other_kinds(config.dataset):
            open_ahead(config)
        if config.trainer.processes > 1:
            from seg.engine.distributed.launch import launch

            return launch("train", config, run_dir)
        from seg.engine.train import train

        return train(config, run_dir)


if __name__ == "__main__":
    main()
