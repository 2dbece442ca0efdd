"""A prediction as plain data: all that any process needs to do its share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seg.build.instantiate import build
from seg.build.models import open_model, read_trained
from seg.config.commands import PredictConfig
from seg.data.readers.sha256 import sha256_of
from seg.deployment.loading import Export, choose_engine
from seg.errors import ConfigError
from seg.inference.committee import check_members
from seg.inference.device import choose_device
from seg.inference.image_model import ImageModel
from seg.inference.inference import Inference
from seg.models.checkpoint_file import find_checkpoint
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
        others: the networks that are compared with it, files like `checkpoint`.
    """

    config: PredictConfig
    checkpoint: Path
    output: Path
    address: str | None = None
    others: tuple[Path, ...] = ()

    @classmethod
    def of(
        cls, config: PredictConfig, output: Path, address: str | None = None
    ) -> "PredictionSpec":
        """Choose the engine of a configuration.

        Raises:
            ConfigError: see `choose_engine`.
        """
        checkpoint, *others = (
            _chosen_file(config, path) for path in (config.checkpoint, *config.ranking.others)
        )
        return cls(config, checkpoint, output.absolute(), address, tuple(others))

    def read_model(self, path: Path | None = None) -> Checkpoint | Export:
        """Read the checkpoint or the export, or another one.

        Raises:
            DataError, ConfigError: see `seg.build.models.load_model`.
        """
        config = self.config
        path = path or self.checkpoint
        return read_trained(path, trust=config.trust, plugins=config.plugins)

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
        device = choose_device(config.device)
        others = [open_model(self.read_model(path)).to(device) for path in self.others]
        if config.rank is not None:
            self._check_ranking([model, *others], inference)
        return Predictor(model.to(device), inference, formats, opener, send, others)

    def _check_ranking(self, models: Sequence[ImageModel], inference: Inference) -> None:
        """Check that the ranking has probabilities, and for a disagreement several of one kind."""
        rank, paths = self.config.rank, [str(path) for path in (self.checkpoint, *self.others)]
        for model, path in zip(models, paths, strict=True):
            if model.labels_alone:
                raise ConfigError(
                    f"rank={rank}: {path} gives labels alone, and uncertainty needs probabilities\n"
                    "  give the run that it was exported from, or export it with"
                    " output_kind=logits"
                )
        if rank == "disagreement" and len(models) == 1 and inference.num_passes == 1:
            raise ConfigError(
                "rank=disagreement: compares several predictions of an image, and there is one\n"
                "  give other networks by ranking.others=[RUN_A,RUN_B], or inference.flip=true or"
                " inference=multi_scale,\n  or rank=entropy, which needs one"
            )
        check_members(models, paths)

    def header(self, checkpoint: Checkpoint | Export) -> dict[str, Any]:
        """Return what the results depend on beside the images: the manifest's first line.

        Raises:
            ConfigError: the ranking compares a network with itself.
        """
        config = self.config
        formats = load_formats(Settings(self.output, checkpoint.labels, config))
        polygons = {
            "simplify_tolerance_px": config.simplify_tolerance_px,
            "min_area_px": config.min_area_px,
            "label_studio_images": config.label_studio_images,
        }
        sha256 = sha256_of(checkpoint.identity)
        return {
            "checkpoint_sha256": sha256,
            "formats": sorted(config.formats),
            "inference": config.inference.node(),
            "overlay_opacity": config.overlay_opacity,
            "classes": list(config.classes or ()),
            "coco_segmentation": config.coco_segmentation,
            "values": config.values,
            **(polygons if any(each.draws_polygons for each in formats) else {}),
            **({} if config.rank is None else self._ranking_choices(sha256)),
        }

    def _ranking_choices(self, checkpoint_sha256: str) -> dict[str, Any]:
        """Return what the ranking depends on beside the images.

        Raises:
            ConfigError: a network is named twice, and agrees with itself everywhere.
        """
        others: list[str] = []
        for path, name in zip(self.others, self.config.ranking.others, strict=True):
            sha256 = sha256_of(self.read_model(path).identity)
            if sha256 in (checkpoint_sha256, *others):
                raise ConfigError(
                    f"ranking.others: {name} is a network that is compared already, and agrees with"
                    " itself\n  give other trainings, such as with other seeds"
                )
            others.append(sha256)
        ranking = self.config.ranking
        return {
            "rank": self.config.rank,
            "ranking": {"share": ranking.share, "top": ranking.top, "others_sha256": others},
        }


def _chosen_file(config: PredictConfig, path: Path) -> Path:
    """Return the checkpoint or the export of it that the engine of a configuration uses."""
    file = find_checkpoint(path)  # if missing, the error comes when it is read
    if file is not None:
        device = choose_device(config.device).type
        path = choose_engine(file, config.engine, device=device, trust=config.trust)
    return path.absolute()
