"""Format `pt2`: archives of `torch.export`, run by torch itself.

`torch.export.load` evaluates expressions and unpickles what a file holds: such files are opened
only with `trust`, and never if one holds pickled objects.
"""

import io
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from seg.deployment.format_interface import Cores, ExportFormat, Runner, Source
from seg.deployment.metadata import Card
from seg.errors import DataError, error_summary
from seg.io.json_file import parse_json
from seg.io.source import Source as FileSource

_PAYLOADS = "_config.json"
_OBJECTS = ("custom_obj_", "opaque_obj_")


def _write(source: Source, path: Path) -> list[Path]:
    # torch's own writer of files ends the process where the disk is full
    content = io.BytesIO()
    torch.export.save(source.program, content)
    path.write_bytes(content.getbuffer())
    return [path]


class TorchRunner:
    """Function of torch that runs on one device."""

    def __init__(self, function: object, device: str) -> None:
        assert callable(function)
        self._function = function
        self._device = device

    @torch.inference_mode()
    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """Return the output on the device of the image."""
        output: Tensor = self._function(image_BCHW.to(self._device).contiguous())
        return output.to(image_BCHW.device)


def _open(path: Path, card: Card, _: Cores) -> Runner:
    try:
        _refuse_objects(path)
        module = torch.export.load(path).module()
    except DataError:
        raise
    except Exception as error:  # whatever a foreign file provokes
        raise DataError(f"{path}: torch cannot open it ({error_summary(error)})") from None
    return TorchRunner(module, card.spec.device)


def _refuse_objects(path: Path) -> None:
    """Refuse an archive with more than plain tensors, which would be unpickled."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            pickled = Path(name).name.startswith(_OBJECTS) or Path(name).suffix == ".so"
            if name.endswith(_PAYLOADS):
                payloads = parse_json(archive.read(name), FileSource(path, name))["config"].values()
                pickled = any(each["use_pickle"] for each in payloads)
            if pickled:
                raise DataError(f"{path}: holds more than tensors ({name}); not opened")


FORMAT = ExportFormat(
    "pt2",
    ".pt2",
    ("fp32", "fp16", "bf16"),
    ("cpu", "cuda"),
    runs_code=True,
    write=_write,
    open=_open,
)
