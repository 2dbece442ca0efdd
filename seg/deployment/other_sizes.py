"""Gate of an export at sizes other than those of the dataset's images."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from seg.data.sample import Sample
from seg.deployment.exported_model import ExportedModel
from seg.errors import error_summary
from seg.inference.fusion import argmax_labels
from seg.inference.segmentation_model import TrainedSegmenter
from seg.models.coarse_logits import CoarseLogits
from seg.models.segmenter import lacking_px

log = logging.getLogger(__name__)
_DECIDED = 4  # times the allowed error: errors of single logits beyond it are rare
_SAME = 0.999  # of the decided pixels


@dataclass(frozen=True)
class SizeParity:
    """Differences between an export and its network at one size.

    Attributes:
        size: height and width, px.
        relative_error: of the logits, as in `Parity`; None where labels are exported.
        decided_agreement: where labels are exported, the share of pixels of the same class, of
            those whose best logit is ahead of the second by more than logits within the
            tolerance can change; None where there are none, or logits are exported.
        failure: why there is nothing to compare, else empty.
    """

    size: tuple[int, int]
    relative_error: float | None = None
    decided_agreement: float | None = None
    failure: str = ""

    def fault(self, allowed_error: float) -> str | None:
        """Return what is wrong, in words; None if nothing is."""
        size = f"at {self.size[0]} x {self.size[1]} (height x width)"
        if self.failure:
            return f"{size}: {self.failure}"
        if self.relative_error is not None and not self.relative_error <= allowed_error:
            off, most = 100 * self.relative_error, 100 * allowed_error
            return f"{size} logits are off by {off:.2g} %, allowed {most:g} %"
        if self.decided_agreement is not None and self.decided_agreement < _SAME:
            return (
                f"{size} {100 * (1 - self.decided_agreement):.2g} % of the clear pixels have "
                f"another class, allowed {100 * (1 - _SAME):.2g} %"
            )
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the card."""
        facts = asdict(self)
        return {key: value for key, value in facts.items() if value not in (None, "")}


@torch.inference_mode()
def measure_sizes(
    model: TrainedSegmenter, exported: ExportedModel, sample: Sample, allowed_error: float
) -> list[SizeParity]:
    """Compare both at two sizes of another aspect ratio, off the grid; none of a fixed size.

    Args:
        model: the network, in evaluation mode.
        exported: its export.
        sample: an image, of which parts are taken.
        allowed_error: relative error of logits that the tolerance admits.
    """
    if exported.card.spec.size is not None:
        return []
    measured = []
    for image_BCHW in _other_images(torch.from_numpy(sample.image).permute(2, 0, 1), model):
        height, width = image_BCHW.shape[2:]
        try:
            expected = model.forward_image(image_BCHW)
        except Exception as error:  # networks of libraries may be bound to some sizes
            log.info("the network takes no %d x %d: %s", height, width, error_summary(error))
            continue
        measured.append(_compare(expected, exported, image_BCHW, allowed_error))
    return measured


def _other_images(image_CHW: Tensor, model: TrainedSegmenter) -> Iterator[Tensor]:
    """Yield a tall batch of two images and a flat one, as a wide image has them."""
    turned_CWH = image_CHW.transpose(1, 2)
    for source_CHW, (row_share, column_share) in (
        (turned_CWH, (1.0, 0.6)),
        (image_CHW, (0.5, 0.9)),
    ):
        rows, columns = (
            _off_grid(round(share * side), model)
            for share, side in zip((row_share, column_share), source_CHW.shape[1:], strict=True)
        )
        part_CHW = source_CHW[:, :rows, :columns]
        yield torch.stack([part_CHW, part_CHW.flip(-1)])


def _off_grid(side: int, model: TrainedSegmenter) -> int:
    """Return a side that the network has to pad, if one of its length or one less is."""
    fits = not lacking_px(side, model.output_stride, model.input_multiple)
    return max(1, side - fits)


def _compare(
    expected: CoarseLogits, exported: ExportedModel, image_BCHW: Tensor, allowed_error: float
) -> SizeParity:
    height, width = image_BCHW.shape[2:]
    size = (height, width)
    try:
        labels = exported.argmax_labels(image_BCHW) if exported.labels_alone else None
        logits = None if exported.labels_alone else exported.forward_image(image_BCHW).values
    except Exception as error:  # whatever an engine raises
        return SizeParity(size, failure=f"the file does not run: {error_summary(error, 120)}")
    if labels is None:
        assert logits is not None
        return _of_logits(size, expected.values.float(), logits.float())
    expected_labels = argmax_labels(expected, exported.labels.outputs)
    if labels.shape != expected_labels.shape:
        return SizeParity(size, failure=_other_shape("labels", labels, expected_labels))
    decided = _decided(expected, exported.labels.outputs is not None, allowed_error)
    if exported.card.spec.input_kind == "stored":  # its labels tell pixels without data
        decided &= labels != exported.labels.ignore_index
    if not decided.any():
        return SizeParity(size)
    same = float((labels == expected_labels)[decided].double().mean())
    return SizeParity(size, decided_agreement=same)


def _of_logits(size: tuple[int, int], expected: Tensor, logits: Tensor) -> SizeParity:
    if logits.shape != expected.shape:
        return SizeParity(size, failure=_other_shape("logits", logits, expected))
    if not logits.isfinite().all():
        return SizeParity(size, failure="logits are not finite")
    error = (logits - expected).double().norm() / expected.double().norm().clamp(min=1e-30)
    return SizeParity(size, relative_error=float(error))


def _decided(expected: CoarseLogits, overlapping: bool, allowed_error: float) -> Tensor:
    """Return where errors within the tolerance leave the labels as they are, B x H x W."""
    grid_BKHW = expected.resized().float()
    room = _DECIDED * allowed_error * grid_BKHW.square().mean().sqrt()
    if overlapping or grid_BKHW.shape[1] == 1:
        return (grid_BKHW.abs() > room).all(1)
    best = grid_BKHW.topk(2, 1).values
    return best[:, 0] - best[:, 1] > room


def _other_shape(kind: str, values: Tensor, expected: Tensor) -> str:
    shapes: Sequence[str] = [" x ".join(map(str, each.shape)) for each in (values, expected)]
    return f"{kind} are {shapes[0]}, the network's {shapes[1]}"
