"""Encoders of other libraries that have a name of their own among the choices of `conf/encoder`."""

from collections.abc import Callable, Mapping
from typing import Any

from seg.config.conf_dir import conf_dir
from seg.config.options import read_option
from seg.errors import ConfigError
from seg.models.encoders.library_encoder import LibraryEncoder
from seg.models.encoders.smp_encoder import create_smp_encoder
from seg.models.encoders.timm_encoder import create_timm_encoder
from seg.models.encoders.torchvision_encoder import create_torchvision_encoder
from seg.models.registry import option_names, unknown

_FACTORIES: dict[str, Callable[..., LibraryEncoder]] = {
    f"{factory.__module__}.{factory.__name__}": factory
    for factory in (create_smp_encoder, create_timm_encoder, create_torchvision_encoder)
}


def named_library_encoders() -> dict[str, dict[str, Any]]:
    """Return by option of the group `encoder` what it hands to a library's factory."""
    files = sorted((conf_dir() / "encoder").glob("*.yaml"))
    nodes = {file.stem: read_option("encoder", file.stem) for file in files}
    return {name: node for name, node in nodes.items() if node.get("_target_") in _FACTORIES}


def create_named_encoder(node: Mapping[str, Any], options: Mapping[str, Any]) -> LibraryEncoder:
    """Build what an option of the group `encoder` stands for, with other values for its keys.

    Raises:
        ConfigError: an option that the library's factory does not take.
    """
    factory = _FACTORIES[node["_target_"]]
    name, allowed = node["name"], option_names(factory)
    for option in options:
        if option not in allowed:
            raise ConfigError(unknown(f"option of encoder {name!r}", option, allowed))
    arguments = {key: value for key, value in node.items() if key not in ("_target_", "name")}
    return factory(name, **{**arguments, **options})
