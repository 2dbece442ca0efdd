"""Format `aoti`: native code by AOTInductor, for the kind of machine that compiled it."""

import io
from pathlib import Path

import torch

from seg.deployment.format_interface import Cores, ExportFormat, Runner, Source
from seg.deployment.formats.pt2 import TorchRunner
from seg.deployment.metadata import Card
from seg.errors import ConfigError, DataError, error_summary


def _write(source: Source, path: Path) -> list[Path]:
    from torch._inductor import aoti_compile_and_package

    content = io.BytesIO()  # as in pt2
    try:
        with torch.no_grad():
            aoti_compile_and_package(source.program, package_path=content)
    except Exception as error:  # no compiler, say, or a network that Inductor cannot take
        raise ConfigError(
            f"format=aoti: Inductor cannot compile the network ({error_summary(error)})\n"
            "  it needs a C++ compiler; some networks compile only with size=[HEIGHT,WIDTH] "
            "batch_size=1"
        ) from error
    path.write_bytes(content.getbuffer())
    return [path]


def _open(path: Path, card: Card, _: Cores) -> Runner:
    from torch._inductor import aoti_load_package

    try:
        return TorchRunner(aoti_load_package(str(path)), card.spec.device)
    except Exception as error:  # whatever a foreign file provokes
        raise DataError(f"{path}: AOTInductor cannot open it ({error_summary(error)})") from None


FORMAT = ExportFormat(
    "aoti",
    ".aoti.pt2",
    ("fp32", "fp16", "bf16"),
    ("cpu", "cuda"),
    runs_code=True,
    write=_write,
    open=_open,
)
