"""A small run, assembled as the command does it."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from seg.build.segmentation import Parts, build_segmentation
from seg.config.conf_dir import conf_dir
from seg.config.schema import TrainConfig, validate
from tests.conftest import SMALL


def parts_of(run_dir: Path, *overrides: str) -> Parts:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed = compose("train", [*SMALL, "logger=csv", "~callbacks.progress", *overrides])
    config = validate(TrainConfig, OmegaConf.to_container(composed, resolve=True))
    return build_segmentation(config, run_dir)
