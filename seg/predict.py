"""`python -m seg.predict checkpoint=... input=...`: label maps and more of own pictures."""

from pathlib import Path

from seg.interruption import exiting_when_interrupted

with exiting_when_interrupted():
    from seg.app import app
    from seg.config.commands import PredictConfig


@app("predict", PredictConfig)
def main(config: PredictConfig, run_dir: Path) -> None:
    """Write what `formats` names for each picture; `NAME.png` and `NAME_overlay.png` by default.

    A damaged picture is reported and the rest goes on; the command then ends with exit code 3. The
    same command again does what is not done yet.
    """
    from seg.build.instantiate import check_sections
    from seg.prediction.run import predict

    check_sections(config, "inference")
    predict(config, run_dir)


if __name__ == "__main__":
    main()
