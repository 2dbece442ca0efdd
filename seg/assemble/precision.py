"""The number type that a device trains fastest in."""

from collections.abc import Mapping
from typing import Any

from seg.cpu import multiplies_bfloat16

_PLAIN = "32-true"


def precision_of(node: Mapping[str, Any]) -> str:
    """`trainer.precision`; `auto` is bf16-mixed where the device multiplies bfloat16 by itself."""
    chosen = str(node.get("precision") or _PLAIN)
    if chosen != "auto":
        return chosen
    import torch

    if node.get("accelerator", "auto") in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = multiplies_bfloat16()
    return "bf16-mixed" if able else _PLAIN
