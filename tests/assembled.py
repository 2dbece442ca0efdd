"""A small run, assembled as the command does it."""

from pathlib import Path

from seg.build.segmentation import Parts, build_segmentation
from seg.config.schema import TrainConfig, validate
from tests.composition import composed
from tests.conftest import SMALL


def parts_of(run_dir: Path, *overrides: str) -> Parts:
    line = (*SMALL, "logger=csv", "~callbacks.progress", *overrides)
    return build_segmentation(validate(TrainConfig, composed("train", *line)), run_dir)
