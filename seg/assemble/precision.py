"""The number type that a device trains fastest in."""

from collections.abc import Mapping
from typing import Any

_PLAIN = "32-true"
_WITH_BFLOAT16 = ("avx512_bf16", "amx_tile")


def precision_of(node: Mapping[str, Any]) -> str:
    """`trainer.precision`; `auto` is bf16-mixed where the device multiplies bfloat16 by itself.

    Processors without such instructions emulate it, many times slower than float32.
    """
    chosen = str(node.get("precision") or _PLAIN)
    if chosen != "auto":
        return chosen
    import torch

    if node.get("accelerator", "auto") in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        tests = (getattr(torch.cpu, f"_is_{kind}_supported", None) for kind in _WITH_BFLOAT16)
        able = any(test() for test in tests if test is not None)
    return "bf16-mixed" if able else _PLAIN
