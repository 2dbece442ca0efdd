"""Interface of an export format: one file of `formats/` each, with a `FORMAT`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import ExportedProgram

from seg.config.options import nearest
from seg.deployment.calibration import preprocess
from seg.deployment.export_graph import DTYPES, exported_program
from seg.deployment.metadata import Card, ExportSpec
from seg.deployment.open_pooling import open_average_pool
from seg.deployment.tensor_info import Signature
from seg.deployment.usage import Usage, usage_of
from seg.errors import ConfigError
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.inference_optimization import replace_modules

Runner = Callable[[Tensor], Tensor]
"""Input of the card's kind, B x C x H x W -> logits or labels, a tensor of its own.

Several threads may call one runner at a time. How many passes then really run at a time is the
`Cores` that it was opened with; of formats that torch runs, passes take the threads that
`torch.set_num_threads` has set in the calling thread.
"""

_PACKAGE = "seg.deployment.formats"


@dataclass(frozen=True)
class Cores:
    """Cores that a runner of a CPU takes.

    Attributes:
        threads: of a pass.
        passes: that run at a time, from as many threads that call.
    """

    threads: int = field(default_factory=torch.get_num_threads)
    passes: int = 1


@dataclass(frozen=True)
class Source:
    """Network that a format writes, and how.

    Attributes:
        model: the network, float32, on the CPU.
        spec: kind of export.
        calibration: images that choose the ranges of int8, H x W x C, in 0..255; else empty.
        kept_float: names of the network's modules that an int8 network computes in float.
    """

    model: TrainedSegmenter
    spec: ExportSpec
    calibration: Sequence[NDArray[Any]] = ()
    kept_float: Sequence[str] = ()

    @property
    def usage(self) -> Usage:
        """Return how the file is used."""
        spec = self.spec
        return usage_of(
            self.model,
            input_kind=spec.input_kind,
            output_kind=spec.output_kind,
            size=spec.size,
            stored_type=spec.stored_type,
        )

    def input(self, image_HWC: NDArray[Any]) -> Tensor:
        """Return an image in 0..255 as a batch of the kind that the file takes."""
        return preprocess(image_HWC, self.spec, self.model.normalization, self.model.decoding)

    @cached_property
    def program(self) -> ExportedProgram:
        """Return the graph of the folded network, in the precision's type."""
        dtype = DTYPES[self.spec.precision]
        optimized = self.model.optimize(dtype=dtype, channels_last=False)
        if self.spec.size is None:
            replace_modules(optimized, {nn.AdaptiveAvgPool2d: open_average_pool})
        return exported_program(optimized, self.spec)


@dataclass(frozen=True)
class ExportFormat:
    """Kind of file and the engine that runs it.

    Attributes:
        name: of the file in `formats/`.
        suffix: of the file.
        precisions: that the engine computes in.
        devices: that it computes on, the default first.
        stored_types: of stored values that it takes; None: all.
        signature: reads the input and the output from a file; None: no server takes such files.
        runs_code: whether opening a file may run code in it; such a file is opened only with
            `trust`.
        write: writes the file at the path, and others beside it; returns all of them, the one to
            open first.
        open: a file, its card and the cores to take -> the function that runs it.
        writing, running: modules that they need -> their packages' names for pip.
        extra: of this package, that installs them; None if there is none.
    """

    name: str
    suffix: str
    precisions: tuple[str, ...]
    devices: tuple[Literal["cpu", "cuda"], ...]
    runs_code: bool
    write: Callable[[Source, Path], list[Path]]
    open: Callable[[Path, Card, Cores], Runner]
    writing: Mapping[str, str] = field(default_factory=dict)
    running: Mapping[str, str] = field(default_factory=dict)
    extra: str | None = None
    stored_types: tuple[str, ...] | None = None
    signature: Callable[[Path], Signature] | None = None

    def run_by(self, other: "ExportFormat") -> "ExportFormat":
        """Return this format with the engine of another one, which reads its files too."""
        return replace(self, open=other.open, running=other.running, extra=other.extra)

    def require_writing(self, spec: ExportSpec) -> None:
        """Refuse what cannot be exported here.

        Raises:
            ConfigError: a precision, device or type of stored values that the format lacks, or a
                package that is not installed.
        """
        for key, allowed in (("precision", self.precisions), ("device", self.devices)):
            if getattr(spec, key) not in allowed:
                raise ConfigError(
                    f"format={self.name} {key}={getattr(spec, key)}: allowed: {', '.join(allowed)}"
                )
        if spec.stored_type and spec.stored_type not in (self.stored_types or (spec.stored_type,)):
            raise ConfigError(
                f"format={self.name} input_kind=stored: takes no {spec.stored_type} values;"
                f" allowed: {', '.join(self.stored_types or ())}\n"
                "  give input_kind=float32, and scale values before, as the card says"
            )
        self.require({**self.writing, **self.running})

    @property
    def runs_here(self) -> bool:
        """Return whether all packages that running it needs are installed."""
        return not _missing(self.running)

    def require(self, packages: Mapping[str, str]) -> None:
        """Refuse to go on without packages, given as in `running`.

        Raises:
            ConfigError: one is not installed.
        """
        missing = _missing(packages)
        if missing:
            remedy = f"'seg-xception[{self.extra}]'" if self.extra else " ".join(missing)
            raise ConfigError(
                f"format={self.name}: needs {', '.join(missing)}, not installed here; "
                f"pip install {remedy}"
            )


def _missing(packages: Mapping[str, str]) -> list[str]:
    return [pip for module, pip in packages.items() if find_spec(module) is None]


def format_names() -> list[str]:
    """Return the names of all formats, in alphabetical order."""
    return sorted(module.name for module in iter_modules(import_module(_PACKAGE).__path__))


def find_format(name: str) -> ExportFormat:
    """Return the format of a name.

    Raises:
        ConfigError: there is none; the message lists those that exist.
    """
    names = format_names()
    if name not in names:
        raise ConfigError(
            f"format={name}: no such format; allowed: {', '.join(names)}{nearest(name, names)}"
        )
    kind: ExportFormat = import_module(f"{_PACKAGE}.{name}").FORMAT
    return kind
