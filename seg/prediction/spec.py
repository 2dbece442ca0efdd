"""A prediction as plain data: what any process needs to do its share."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from seg.build.instantiate import build
from seg.build.models import read_trained, restore
from seg.config.commands import PredictConfig
from seg.data.label_space import LabelSpace
from seg.data.label_values import ValueKind
from seg.data.readers.sha256 import sha256_of
from seg.deployment.loading import Export, choose_engine
from seg.inference.device import choose_device
from seg.models.weights.torch_file import find_checkpoint
from seg.prediction.camera import Camera
from seg.prediction.predictor import Predictor
from seg.prediction.reader import ItemReader
from seg.prediction.remote_output import RemoteOutput
from seg.prediction.writer import Settings, load_formats
from seg.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class PredictionSpec:
    """What is done to each item.

    Attributes:
        checkpoint: file or run directory; an exported file where one was chosen.
        trust: whether exported files that may hold code are opened.
        plugins: classes of plugins that the checkpoint may name.
        inference: how pictures go through the network, as the configuration has it.
        formats: names.
        output: the folder of the results on this machine.
        address: where they are sent from there, if anywhere.
        overlay_opacity, classes, coco_segmentation, values: see `Settings`.
        device: `auto`, `cpu` or `cuda`.
        max_pixels: see `ItemReader`.
        threads: that compute; None: as many as torch takes. The last bits of probabilities depend
            on their number.
    """

    checkpoint: Path
    trust: bool
    plugins: tuple[str, ...]
    inference: Mapping[str, Any]
    formats: tuple[str, ...]
    output: Path
    address: str | None
    overlay_opacity: float
    classes: tuple[str, ...]
    coco_segmentation: Literal["rle", "polygons"]
    values: ValueKind
    device: str
    max_pixels: int
    threads: int | None

    @classmethod
    def of(
        cls, config: PredictConfig, output: Path, address: str | None = None
    ) -> "PredictionSpec":
        """The job of a configuration.

        Raises:
            ConfigError: see `choose_engine`.
        """
        return cls(
            _engine(config),
            config.trust,
            tuple(config.plugins),
            config.inference.node(),
            tuple(config.formats),
            output.absolute(),
            address,
            config.overlay_opacity,
            tuple(config.classes or ()),
            config.coco_segmentation,
            config.values,
            config.device,
            config.max_pixels,
            config.threads,
        )

    def trained(self) -> Checkpoint | Export:
        """Read what stands for the network.

        Raises:
            DataError, ConfigError: see `seg.build.models.load_model`.
        """
        return read_trained(self.checkpoint, trust=self.trust, plugins=self.plugins)

    def settings(self, labels: LabelSpace) -> Settings:
        """What the formats are told."""
        return Settings(
            self.output,
            labels,
            self.overlay_opacity,
            self.classes,
            self.coco_segmentation,
            self.values,
        )

    def predictor(
        self, checkpoint: Checkpoint | Export | None = None, camera: Camera | None = None
    ) -> Predictor:
        """Load the network and build the formats.

        Args:
            checkpoint: that of `checkpoint`, where it has been read.
            camera: what opens the items, for live pictures.

        Raises:
            DataError: a missing or damaged checkpoint.
            ConfigError: what a format, the inference or the device refuses.
        """
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        model = restore(checkpoint or self.trained())
        formats = load_formats(self.formats, self.settings(model.labels))
        inference = build("inference", self.inference)
        opener = camera or ItemReader(max_pixels=self.max_pixels, decoding=model.decoding)
        send = None if self.address is None else RemoteOutput(self.address, self.output).send
        return Predictor(model.to(choose_device(self.device)), inference, formats, opener, send)

    def header(self, checkpoint: Checkpoint | Export) -> dict[str, Any]:
        """What the results follow from, beside the pictures: the manifest's first line."""
        options: dict[str, Any] = {
            "formats": sorted(self.formats),
            "inference": dict(self.inference),
            "overlay_opacity": self.overlay_opacity,
            "classes": list(self.classes),
            "coco_segmentation": self.coco_segmentation,
            "values": self.values,
        }
        return {"checkpoint_sha256": sha256_of(checkpoint.identity), **options}


def _engine(config: PredictConfig) -> Path:
    file = find_checkpoint(config.checkpoint)
    if file is None:
        return config.checkpoint.absolute()  # what is missing is told when it is read
    device = choose_device(config.device).type
    return choose_engine(file, config.engine, device=device, trust=config.trust).absolute()
