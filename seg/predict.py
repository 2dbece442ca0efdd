"""Command `python -m seg.predict checkpoint=... input=...`: label maps and more of own images."""

from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import PredictConfig


@app("predict", PredictConfig)
def main(config: PredictConfig, run_dir: Path) -> None:
    """Write the `formats` of each image; `NAME.png` and `NAME_overlay.png` by default.

    A damaged image is reported and the others go on; the command then ends with exit code 3. The
    same command again predicts what is missing.
    """
    from seg.prediction.run import run_prediction

    run_prediction(config, run_dir)


if __name__ == "__main__":
    main()
