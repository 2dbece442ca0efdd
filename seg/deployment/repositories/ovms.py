"""Repository of OpenVINO Model Server: `config.json` lists the models."""

from pathlib import Path
from typing import Any

from seg.deployment.repositories.model_repository import ModelRepository, ServedModel
from seg.errors import ConfigError, DataError
from seg.io.atomic import write_json
from seg.io.json_file import read_json_object

CONFIG = "config.json"


def _register(root: Path, model: ServedModel) -> None:
    """Add the model to the list; what the list and its file hold besides stays."""
    path = root / CONFIG
    content = _read_list(path)
    if model.name not in _names(content):
        models = [*content["model_config_list"], {"config": _entry(model)}]
        write_json(path, {**content, "model_config_list": models})


def _read_list(path: Path) -> dict[str, Any]:
    """Return the content of a `config.json`, with an empty list where there is none.

    Raises:
        ConfigError: the file is no list of models.
    """
    try:
        content = read_json_object(path, "list of models", absent={"model_config_list": []})
        _names(content)
    except (DataError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: no list of models of OpenVINO Model Server ({error})\n"
            "  mend it, or give another output=DIRECTORY"
        ) from None
    return content


def _names(content: dict[str, Any]) -> list[Any]:
    return [each["config"].get("name") for each in content["model_config_list"]]


def _entry(model: ServedModel) -> dict[str, Any]:
    tensor = model.signature.input
    entry: dict[str, Any] = {
        "name": model.name,
        "base_path": model.name,  # relative to the file
        "target_device": "CPU",  # else a GPU that is there, which was not measured
        "plugin_config": {"INFERENCE_PRECISION_HINT": model.hint},
    }
    if -1 in tensor.shape:
        entry["shape"] = {tensor.name: f"({','.join(map(str, tensor.shape))})"}
        # a graph that is kept for each size would take memory without end
        entry["plugin_config"]["CPU_RUNTIME_CACHE_CAPACITY"] = "0"
    return entry


REPOSITORY = ModelRepository(
    "ovms",
    {"openvino": "model.xml", "onnx": "model.onnx"},
    write=lambda _directory, _model: None,  # the list holds all settings
    check=lambda root: _read_list(root / CONFIG),
    register=_register,
    engines={"onnx": "openvino"},
)
