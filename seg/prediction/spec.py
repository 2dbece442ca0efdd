"""A prediction as plain data: all that any process needs to do its share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seg.build.instantiate import build
from seg.build.models import open_model, read_trained
from seg.config.commands import PredictConfig
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
    """What is done to each item, where, and by which network.

    Attributes:
        config: the options of the command. The last bits of probabilities depend on `threads`.
        checkpoint: file or run directory; an exported file if one was chosen.
        output: the directory of the results on this machine.
        address: where they are sent from there, if anywhere.
    """

    config: PredictConfig
    checkpoint: Path
    output: Path
    address: str | None = None

    @classmethod
    def of(
        cls, config: PredictConfig, output: Path, address: str | None = None
    ) -> "PredictionSpec":
        """Choose the engine of a configuration.

        Raises:
            ConfigError: see `choose_engine`.
        """
        checkpoint = config.checkpoint  # if missing, the error comes when it is read
        file = find_checkpoint(checkpoint)
        if file is not None:
            device = choose_device(config.device).type
            checkpoint = choose_engine(file, config.engine, device=device, trust=config.trust)
        return cls(config, checkpoint.absolute(), output.absolute(), address)

    def read_model(self) -> Checkpoint | Export:
        """Read the checkpoint or the export.

        Raises:
            DataError, ConfigError: see `seg.build.models.load_model`.
        """
        config = self.config
        return read_trained(self.checkpoint, trust=config.trust, plugins=config.plugins)

    def predictor(
        self, checkpoint: Checkpoint | Export | None = None, camera: Camera | None = None
    ) -> Predictor:
        """Load the network, from its checkpoint if that has been read, and build the formats.

        Raises:
            DataError: a missing or damaged checkpoint.
            ConfigError: a format, the inference or the device refuses the options.
        """
        config = self.config
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        model = open_model(checkpoint or self.read_model())
        formats = load_formats(Settings(self.output, model.labels, config))
        inference = build("inference", config.inference.node())
        opener = camera or ItemReader(max_pixels=config.max_pixels, decoding=model.decoding)
        if camera is not None:
            camera.use_decoding(model.decoding)
        send = None if self.address is None else RemoteOutput(self.address, self.output).send
        return Predictor(model.to(choose_device(config.device)), inference, formats, opener, send)

    def header(self, checkpoint: Checkpoint | Export) -> dict[str, Any]:
        """Return what the results depend on beside the images: the manifest's first line."""
        config = self.config
        formats = load_formats(Settings(self.output, checkpoint.labels, config))
        polygons = {
            "simplify_tolerance_px": config.simplify_tolerance_px,
            "min_area_px": config.min_area_px,
            "label_studio_images": config.label_studio_images,
        }
        return {
            "checkpoint_sha256": sha256_of(checkpoint.identity),
            "formats": sorted(config.formats),
            "inference": config.inference.node(),
            "overlay_opacity": config.overlay_opacity,
            "classes": list(config.classes or ()),
            "coco_segmentation": config.coco_segmentation,
            "values": config.values,
            **(polygons if any(each.draws_polygons for each in formats) else {}),
        }
