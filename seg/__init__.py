"""Semantic segmentation around Aligned Xception encoders.

The names below load on first use, so that `import seg` costs no torch.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seg.build.datasets import create_dataset, list_datasets
    from seg.build.models import load_model
    from seg.data.label_space import LabelSpace
    from seg.evaluation.run import evaluate
    from seg.models.decoders import create_decoder, list_decoders
    from seg.models.encoders import create_encoder, list_encoders
    from seg.models.segmenter import create_model
    from seg.models.weights import load_weights
    from seg.prediction.run import predict

__all__ = [
    "LabelSpace",
    "create_dataset",
    "create_decoder",
    "create_encoder",
    "create_model",
    "evaluate",
    "list_datasets",
    "list_decoders",
    "list_encoders",
    "load_model",
    "load_weights",
    "predict",
]
__version__ = "0.1.0"
_HOMES = {
    "LabelSpace": "seg.data.label_space",
    "create_dataset": "seg.build.datasets",
    "create_decoder": "seg.models.decoders",
    "create_encoder": "seg.models.encoders",
    "create_model": "seg.models.segmenter",
    "evaluate": "seg.evaluation.run",
    "list_datasets": "seg.build.datasets",
    "list_decoders": "seg.models.decoders",
    "list_encoders": "seg.models.encoders",
    "load_model": "seg.build.models",
    "load_weights": "seg.models.weights",
    "predict": "seg.prediction.run",
}


class _Package(ModuleType):
    """Keeps `seg.evaluate` and `seg.predict` functions.

    Importing the module of the command of that name would put the module in their place.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"seg has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
