"""Native code by AOTInductor, for the kind of machine that compiled it."""

from pathlib import Path

import torch

from seg.errors import ConfigError, DataError
from seg.exporting.card import Card
from seg.exporting.format import ExportFormat, Runner, Source
from seg.exporting.formats.pt2 import TorchRunner


def _write(source: Source, path: Path) -> list[Path]:
    from torch._inductor import aoti_compile_and_package

    try:
        with torch.no_grad():
            aoti_compile_and_package(source.program, package_path=str(path))
    except Exception as error:  # no compiler, say, or a network that Inductor cannot take
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise ConfigError(
            f"format=aoti: Inductor cannot compile the network ({reason[0][:200]})\n"
            "  it needs a C++ compiler; some networks compile only with size=[HEIGHT,WIDTH] "
            "batch_size=1"
        ) from error
    return [path]


def _open(path: Path, card: Card) -> Runner:
    from torch._inductor import aoti_load_package

    try:
        return TorchRunner(aoti_load_package(str(path)), card.spec.device)
    except Exception as error:  # whatever a foreign file provokes
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise DataError(f"{path}: AOTInductor cannot open it ({reason[0][:200]})") from None


FORMAT = ExportFormat(
    "aoti",
    ".aoti.pt2",
    ("fp32", "fp16", "bf16"),
    ("cpu", "cuda"),
    {},
    {},
    None,
    runs_code=True,
    write=_write,
    open=_open,
)
