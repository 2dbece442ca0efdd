"""`predictions.png` of a classifier: images above their classes and the best prediction."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from seg.data.classification.sample import ClassifiedImage, ClassNames, ImageDataset
from seg.data.readers.value_range import PLAIN
from seg.data.wrappers.subset import spread_over
from seg.models.classifier import Classifier
from seg.visualization.composite import as_rgb
from seg.visualization.grids import save_png

_NUM_IMAGES = 24
_COLUMNS = 6
_SIDE_PX = 128
_TEXT_PX = 32
_GAP_PX = 6
_RIGHT, _WRONG = (20, 110, 50), (190, 30, 30)


def write_classification_grid(model: Classifier, data: ImageDataset, run_dir: Path) -> None:
    """Write `predictions.png`: predictions of images spread over a dataset."""
    samples = [data[place] for place in spread_over(len(data), _NUM_IMAGES)]
    composite = getattr(data, "decoding", PLAIN).composite
    probability_NK = predict_probabilities(model, samples)
    grid = classification_grid(samples, probability_NK, data.labels, composite)
    save_png(run_dir / "predictions.png", grid)


@torch.inference_mode()
def predict_probabilities(model: Classifier, samples: list[ClassifiedImage]) -> Tensor:
    """Return probabilities N x K of images of one size, on the CPU; sets evaluation mode."""
    model.eval()
    weight = next(model.parameters())
    images = np.stack([sample.image for sample in samples])
    image_BCHW = torch.from_numpy(images).permute(0, 3, 1, 2).to(weight.device)
    logits = model(model.normalization(image_BCHW).to(weight.dtype))
    return model.probabilities(logits.float()).cpu()


def classification_grid(
    samples: list[ClassifiedImage],
    probability_NK: Tensor,
    labels: ClassNames,
    composite: tuple[int, int, int] | None = None,
) -> Image.Image:
    """Draw images in rows, each above its classes and, green or red, the best prediction."""
    cell = (_SIDE_PX + _GAP_PX, _SIDE_PX + _TEXT_PX + _GAP_PX)
    columns = min(_COLUMNS, len(samples))
    rows = -(-len(samples) // columns)
    grid = Image.new("RGB", (columns * cell[0], rows * cell[1]), "white")
    draw = ImageDraw.Draw(grid)
    for place, (sample, probability_K) in enumerate(zip(samples, probability_NK, strict=True)):
        left, top = place % columns * cell[0], place // columns * cell[1]
        image = Image.fromarray(as_rgb(sample.image, composite, stretched=True)).resize(
            (_SIDE_PX, _SIDE_PX)
        )
        grid.paste(image, (left, top))
        best = int(probability_K.argmax())
        several = sample.label.ndim > 0
        classes = np.flatnonzero(sample.label).tolist() if several else [int(sample.label)]
        truth = ", ".join(labels.names[index] for index in classes) or "none"
        draw.text((left, top + _SIDE_PX + 2), truth[:22], fill="black")
        prediction = f"{labels.names[best][:15]} {100 * float(probability_K[best]):.0f} %"
        color = _RIGHT if best in classes else _WRONG
        draw.text((left, top + _SIDE_PX + 16), prediction, fill=color)
    return grid
