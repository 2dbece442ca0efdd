"""Precision of training: the number type that a device is fastest in."""

from collections.abc import Mapping
from typing import Any

from seg.cpu import has_native_bfloat16
from seg.errors import ConfigError

_PLAIN = "32-true"
_ALLOWED = ("auto", _PLAIN, "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true")
_SHORT = ("32", "64", "16", "bf16")  # Lightning's other names for some of them


def precision_of(node: Mapping[str, Any]) -> str:
    """Return `trainer.precision`; `auto` is bf16-mixed where the device has bfloat16 natively."""
    chosen = str(node.get("precision") or _PLAIN)
    if chosen != "auto":
        if chosen not in (*_ALLOWED, *_SHORT):
            raise ConfigError(f"trainer.precision={chosen}; allowed: {', '.join(_ALLOWED)}")
        return chosen
    import torch

    if node.get("accelerator", "auto") in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = has_native_bfloat16()
    return "bf16-mixed" if able else _PLAIN
