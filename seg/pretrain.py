"""Command `python -m seg.pretrain`: train an encoder as a classifier, for `encoder.weights=`."""

from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.schema import PretrainConfig
    from seg.io.terminal_bar import waiting_bar


@app("pretrain", PretrainConfig)
def main(config: PretrainConfig, run_dir: Path) -> float | None:
    """Train; leave in `run_dir` what `seg.train` leaves, and `encoder.safetensors` with its card.

    Returns:
        top-1 accuracy of the best weights on the validation split; None after a dry run.
    """
    from seg.build.datasets import open_ahead

    with waiting_bar("preparing"):
        open_ahead(config)
        if config.trainer.processes > 1:
            from seg.engine.distributed.launch import launch

            return launch("pretrain", config, run_dir)
        from seg.engine.pretrain import pretrain

        return pretrain(config, run_dir)


if __name__ == "__main__":
    main()
