"""Schemas of the configurations of all commands but the trainings."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from seg.config.schema import DatasetTarget, Labels
from seg.config.section import Section, Target

Count = Annotated[int, Field(ge=1)]


class EvaluateConfig(Section):
    """`conf/evaluate.yaml`."""

    checkpoint: Path | None
    compare: list[Path] | None
    across: list[str]
    split: Literal["train", "val", "test"]
    inference: Target
    dataset: dict[str, Any]
    labels: Labels | None
    batch_size: Annotated[int, Field(ge=1)] | None
    num_workers: Annotated[int, Field(ge=0)] | None
    trust: bool
    plugins: list[str]
    device: Literal["auto", "cpu", "cuda"]

    @model_validator(mode="after")
    def _check_subject(self) -> "EvaluateConfig":
        if self.checkpoint is None and self.compare is None:
            raise ValueError("checkpoint: missing; give checkpoint=..., or compare=[RUN_A,RUN_B]")
        if self.checkpoint is not None and self.compare is not None:
            raise ValueError("checkpoint and compare: give one of them")
        return self


class RankingOptions(Section):
    """Settings of `rank`.

    Attributes:
        share: of the pixels of an image that count, the most uncertain ones.
        top: images on the page.
        others: networks that are compared with the one of `checkpoint`.
    """

    share: Annotated[float, Field(gt=0, le=1)]
    top: Count
    others: list[Path]


class OutputOptions(Section):
    """The options of `conf/predict.yaml` that the output formats use.

    Attributes:
        formats: names of the formats.
        overlay_opacity: opacity of the colors over the image, 0 to 1.
        classes: classes whose probabilities or polygons are written; None: all, without polygons
            of a class called background.
        coco_segmentation: how COCO annotations store their pixels.
        values: which numbers stand for the classes in label files.
        simplify_tolerance_px: how far the borders of polygons may move; 0: they are exact.
        min_area_px: smaller regions join a neighbor before they become polygons.
        label_studio_images: what precedes the path of an image in Label Studio's tasks.
        output: directory or address of the results; None: the run directory.
        rank: the uncertainty by which images are ranked; None: they are not.
        ranking: how.
    """

    output: str | None
    formats: list[str]
    overlay_opacity: Annotated[float, Field(ge=0, le=1)]
    classes: list[str] | None
    coco_segmentation: Literal["rle", "polygons"]
    values: Literal["id", "index"]
    simplify_tolerance_px: Annotated[float, Field(ge=0)]
    min_area_px: Annotated[int, Field(ge=0)]
    label_studio_images: str
    rank: Literal["entropy", "margin", "disagreement"] | None
    ranking: RankingOptions


class PredictConfig(OutputOptions):
    """`conf/predict.yaml`."""

    checkpoint: Path
    input: str
    inference: Target
    place: Literal["keep", "drop"]
    skip_existing: bool
    shard: Annotated[int, Field(ge=0)]
    num_shards: Count
    max_pixels: Count
    frame_step: Count
    max_frames: Count | None
    backend: Literal["local", "ray"]
    threads: Count | None
    ray_workers: Count | None
    ray_address: str | None
    engine: str
    trust: bool
    plugins: list[str]
    device: Literal["auto", "cpu", "cuda"]

    @model_validator(mode="after")
    def _check_shard(self) -> "PredictConfig":
        if self.shard >= self.num_shards:
            raise ValueError(
                f"shard={self.shard}: allowed are 0 to {self.num_shards - 1}; num_shards says "
                "how many there are"
            )
        return self

    @model_validator(mode="after")
    def _check_others(self) -> "PredictConfig":
        if self.ranking.others and self.rank != "disagreement":
            raise ValueError(
                f"rank={self.rank or 'null'} looks at one network, and ranking.others names more;"
                " give rank=disagreement, or leave ranking.others out"
            )
        return self


class ParityTolerance(Section):
    """Largest differences between an export and its network; None: the default of the precision.

    Attributes:
        agreement: share of pixels that must have the same class.
        miou_points: that the mIoU may fall, in hundredths.
        relative_error: of the logits, in units of their root mean square.
    """

    agreement: Annotated[float, Field(ge=0, le=1)] | None
    miou_points: Annotated[float, Field(ge=0)] | None
    relative_error: Annotated[float, Field(ge=0)] | None


class Calibration(Section):
    """Settings of the calibration of an int8 network.

    Attributes:
        split: of the images that choose the ranges of values.
        num_images: how many images choose them.
        agreement: share of their pixels whose class must stay, else parts stay float.
    """

    split: Literal["train", "val", "test"]
    num_images: Count
    agreement: Annotated[float, Field(ge=0, le=1)]


class ExportConfig(Section):
    """`conf/export.yaml`."""

    checkpoint: Path
    format: str
    precision: Literal["fp32", "fp16", "bf16", "int8"]
    repository: Literal["triton", "ovms"] | None
    model_name: str | None
    output: Path | None
    output_kind: Literal["logits", "labels"]
    input_kind: Literal["uint8", "float32", "normalized", "stored"] | None
    size: tuple[Count, Count] | None
    batch_size: Count | None
    dataset: dict[str, Any]
    labels: Labels | None
    split: Literal["train", "val", "test"]
    num_images: Count | None
    tolerance: ParityTolerance
    calibration: Calibration
    plugins: list[str]
    device: Literal["auto", "cpu", "cuda"]

    @model_validator(mode="after")
    def _check_model_name(self) -> "ExportConfig":
        if self.model_name is not None and self.repository is None:
            raise ValueError("model_name: names models of repositories; give repository=triton")
        return self


class WeightsConfig(Section):
    """`conf/weights.yaml`."""

    task: Literal["list", "inspect", "convert", "verify"]
    source: str | None
    encoder_name: str | None
    output: Path | None


class BenchmarkConfig(Section):
    """`conf/benchmark.yaml`."""

    task: Literal[
        "data",
        "loss",
        "depthwise",
        "inference",
        "training",
        "evaluation",
        "startup",
        "memory",
        "serve",
        "serve_memory",
    ]
    rounds: Annotated[int, Field(ge=1)]
    num_workers: Annotated[int, Field(ge=0)]
    num_images: Annotated[int, Field(ge=8)]
    camvid_root: Path | None
    logits: tuple[Count, Count, Count, Count]
    images: tuple[Count, Count, Count, Count]
    batch: Count | None
    size: tuple[Count, Count] | None
    encoder_name: str
    decoder_name: str
    output_stride: Literal[4, 8, 16, 32]
    peer_encoder: str
    exports: list[Path]
    compile: bool
    variants: list[str] | None
    checkpoint: Path | None
    image_sizes: Annotated[list[Count], Field(min_length=2)]
    dataset_sizes: Annotated[list[Count], Field(min_length=1)]
    networks: Annotated[list[str], Field(min_length=1)]
    engine: str
    precision: Literal["fp32", "fp16", "bf16", "int8"]
    concurrency: Count
    seconds: Annotated[float, Field(gt=0)]
    requests: Count
    num_sizes: Count
    device: Literal["auto", "cpu", "cuda"]


def _shape(text: str) -> str:
    """Check a text against CHANNELSxHEIGHTxWIDTH."""
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[1-9]\d*", text):
        raise PydanticCustomError("shape", "give channels, height and width, as 3x513x513")
    return text


class DescribeConfig(Section):
    """`conf/describe.yaml`."""

    task: Literal["network", "encoders", "scale"]
    encoder: Target
    decoder: Target
    input: Annotated[str, AfterValidator(_shape)]
    num_classes: Count
    layers: bool
    rounds: Annotated[int, Field(ge=0)]
    device: Literal["auto", "cpu", "cuda"]
    training: Path | None
    data: Path | None
    variant: str | None
    table: str | None
    devices: Count
    efficiency: Annotated[float, Field(gt=0, le=1)]
    samples: Count
    base_lr: Annotated[float, Field(gt=0)]
    base_batch: Count


class PrepareConfig(Section):
    """`conf/prepare.yaml`."""

    task: Literal["detect", "verify", "stats", "preview", "shards", "download"]
    dataset: DatasetTarget
    labels: Labels
    augmentation: Target
    splits: Annotated[list[Literal["train", "val", "test"]], Field(min_length=1)]
    num_workers: Annotated[int, Field(ge=0)] | None
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    near_duplicates: bool
    samples: Annotated[int, Field(ge=1)]
    output: str | None
    chunk_mib: Annotated[int, Field(ge=1)]


class ReportConfig(Section):
    """`conf/report.yaml`."""

    runs: str | list[str]
    output: Path | None
    export: Literal["fiftyone"] | None
    split: Literal["train", "val", "test"]
    plugins: list[str]
    watts: Annotated[float, Field(ge=0)] | None
    gpu_watts: Annotated[float, Field(ge=0)] | None
    price_per_hour: Annotated[float, Field(ge=0)] | None
