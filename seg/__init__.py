"""Semantic segmentation around Aligned Xception encoders.

The names below load on first use, so that `import seg` costs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seg.build.models import load_model
    from seg.models.encoders import create_encoder
    from seg.models.segmenter import create_model
    from seg.models.weights import load_weights

_HOMES = {
    "create_encoder": "seg.models.encoders",
    "create_model": "seg.models.segmenter",
    "load_weights": "seg.models.weights",
    "load_model": "seg.build.models",
}

__all__ = ["create_encoder", "create_model", "load_model", "load_weights"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"seg has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
