"""Configurations as Hydra composes them for a command."""

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from seg.config.conf_dir import conf_dir
from seg.config.schema import PretrainConfig


def composed(name: str, *overrides: str) -> dict:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose(name, list(overrides))
    return OmegaConf.to_container(config, resolve=True)


def known_to_pretraining(plain: dict) -> dict:
    """Without the decoder that an encoder file brings along; the command leaves it out too."""
    return {key: value for key, value in plain.items() if key in PretrainConfig.model_fields}
