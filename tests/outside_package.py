"""A package as somebody else writes it beside seg: a loss, an encoder, a dataset, their options."""

from pathlib import Path

NAME = "my_parts"
TARGETS = {
    "dataset": f"{NAME}.dataset.Stripes",
    "encoder": f"{NAME}.encoder.Patches",
    "loss": f"{NAME}.loss.Brier",
}
CHOICES = ("dataset=stripes", "encoder=patches", "loss=brier")
TINY = (
    "augmentation.crop=[64,96]",
    "loader.batch_size=4",
    "loader.num_workers=0",
    "trainer.max_epochs=1",
    "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu",
)
FILES = {
    "pyproject.toml": """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "my-parts"
version = "1.0"

[project.entry-points."seg.plugins"]
my_parts = "my_parts"

[tool.setuptools]
packages = ["my_parts"]
package-data = { my_parts = ["conf/**/*.yaml"] }
""",
    f"{NAME}/__init__.py": '"""Parts of my own."""\n',
    f"{NAME}/loss.py": '''
"""The Brier score."""

import torch
from torch import nn
from torch.nn import functional


class Brier(nn.Module):
    """Mean squared distance of the probabilities from the right class."""

    def __init__(self, *, num_classes: int, ignore_index: int, power: float = 2.0) -> None:
        super().__init__()
        self.num_classes, self.ignore_index, self.power = num_classes, ignore_index, power

    def forward(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        assert label.dtype == torch.int64
        counted = label != self.ignore_index
        right = functional.one_hot(label.where(counted, 0), self.num_classes).movedim(-1, 1)
        gaps = (logits.float().softmax(1) - right).abs() ** self.power
        return (gaps.sum(1) * counted).sum() / counted.sum().clamp(min=1)
''',
    f"{NAME}/encoder.py": '''
"""Three maps of strides 4, 8 and 8."""

import torch
from torch import nn

from seg.models.interfaces import Normalization


class Patches(nn.Module):
    """Convolutions that step by their size."""

    def __init__(self, *, in_channels: int, width: int = 8) -> None:
        super().__init__()
        self.channels = (in_channels, width, 2 * width, 2 * width)
        self.strides = (1, 4, 8, 8)
        self.output_stride = 8
        self.normalization = Normalization().for_channels(in_channels)
        self.fine = nn.Conv2d(in_channels, width, 4, stride=4)
        self.coarse = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.last = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.input_multiple = 8

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        fine = self.fine(image).relu()
        coarse = self.coarse(fine).relu()
        return [image, fine, coarse, self.last(coarse).relu()]
''',
    f"{NAME}/dataset.py": '''
"""Stripes of two colors."""

import numpy as np

from seg.data.label_space import LabelSpace
from seg.data.sample import Sample


class Stripes:
    """Pictures of a seed."""

    labels = LabelSpace.identity(("dark", "light"), ((0, 0, 0), (255, 255, 255)))

    def __init__(self, *, split: str, length: int = 8) -> None:
        self.split, self.length = split, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng((index, len(self.split)))
        label = np.repeat(random.integers(0, 2, (1, 12), dtype=np.uint8), 8, axis=1)
        label = np.repeat(label, 64, axis=0)
        noise = random.integers(0, 60, (64, 96, 3), dtype=np.uint8)
        return Sample(f"{self.split}_{index}", label[..., None] * np.uint8(190) + noise, label)
''',
    f"{NAME}/conf/loss/brier.yaml": f"_target_: {TARGETS['loss']}\npower: 2.0 # of the gaps\n",
    f"{NAME}/conf/encoder/patches.yaml": f"""defaults:
  - _self_
  - override /decoder@_global_.decoder: deeplabv3plus_small

_target_: {TARGETS["encoder"]}
width: 8
""",
    f"{NAME}/conf/dataset/stripes.yaml": f"_target_: {TARGETS['dataset']}\nlength: 8\n",
}


def write_package(directory: Path) -> Path:
    """Write the package and its `pyproject.toml` into a new directory, and return that."""
    for name, text in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    return directory
