"""`ranking.csv` and `ranking.html`: which images to label next."""

import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from seg.dataset_tools.duplicates import ICON_PX, icon, thin
from seg.errors import DataError
from seg.inference.image_source import Raster
from seg.inference.uncertainty import entropy, margin
from seg.io.atomic import write_atomically
from seg.io.csv_table import format_csv
from seg.io.json_file import compact_json
from seg.prediction.items import Item
from seg.prediction.parts import read_part
from seg.prediction.ranking.page import Card, ranking_page
from seg.prediction.ranking.thumbnail import Thumbnail
from seg.prediction.ranking.top_share import TopShare
from seg.prediction.writer import PARTS, Format, ItemRows, ManifestEntry, Settings, Writer
from seg.visualization.grids import overlay
from seg.visualization.html import encode

COLUMNS = ("rank", "image", "score", "pixels", "near_duplicate_of", "file")
_LEVELS = 2**16 - 1  # of the uncertainty in thumbnails
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ranked:
    """An image in the order of its score.

    Attributes:
        item, record: the image.
        rank: from 1; None: it is not worth a label.
        twin: the image of a better rank that shows the same; None: none does.
    """

    item: Item
    record: ManifestEntry
    rank: int | None
    twin: Item | None


class Ranking(Format):
    """Images by the mean uncertainty of their most uncertain pixels, near duplicates last.

    What stays of an image until the end is a file of thumbnails.
    """

    name = "ranking"
    file = "ranking.csv"
    page = "ranking.html"
    takes_overlaps = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.wants_disagreement = settings.options.rank == "disagreement"
        self.wants_probabilities = not self.wants_disagreement

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the part of an item."""
        return (f"{PARTS}/ranking/{item.name}.json",)

    def merged_files(self, items: Sequence[Item]) -> tuple[str, ...]:
        """Return the table and the page."""
        return self.file, self.page

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to look at an item."""
        return _Scores(self, item, raster)

    def merge(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Write the table and the page."""
        ranked = rank(done, self.name)
        rows = (
            (
                each.rank or "",
                each.item.name,
                "" if (part := each.record["parts"][self.name])["score"] is None else _text(part),
                part["pixels"],
                each.twin.name if each.twin else "",
                each.item.source,
            )
            for each in ranked
        )
        text = format_csv([COLUMNS, *rows])
        write_atomically(self.path(self.file), lambda file: file.write(text.encode()))
        top = [each for each in ranked if each.rank][: self.settings.options.ranking.top]
        page = ranking_page(self.settings, [self._card(each, ranked) for each in top], len(ranked))
        write_atomically(self.path(self.page), lambda file: file.write(page.encode()))

    def log_summary(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Log how many images are worth a label."""
        ranked = rank(done, self.name)
        worth = sum(each.rank is not None for each in ranked)
        twins = sum(each.twin is not None for each in ranked)
        empty = len(ranked) - worth - twins
        _log.info(
            "ranking    %d images by %s, %d near duplicates of them%s last: %s, %s",
            *(worth, self.settings.options.rank, twins),
            *(f" and {empty} without data" if empty else "", self.file, self.page),
        )

    def _card(self, each: Ranked, ranked: Sequence[Ranked]) -> Card:
        """Return what the page shows of an image."""
        image, labels, levels = read_part(self, each.item, each.record)
        with Image.open(BytesIO(base64.b64decode(levels)), formats=["PNG"]) as opened:
            uncertainty_HW = np.asarray(opened, np.float32) / np.float32(_LEVELS)
        return Card(
            each.rank or 0,
            each.item.name,
            each.record["parts"][self.name]["score"],
            (each.record["size"][0], each.record["size"][1]),
            tuple(other.item.name for other in ranked if other.twin == each.item),
            image,
            labels,
            uncertainty_HW,
        )


def rank(done: Sequence[tuple[Item, ManifestEntry]], name: str) -> list[Ranked]:
    """Return images in the order in which to label them.

    First those with a rank, then near duplicates of them, then images without data.

    Args:
        done: the images with their entries.
        name: of the part in an entry.
    """
    parts = {item.name: record["parts"][name] for item, record in done}
    scored = [pair for pair in done if parts[pair[0].name]["score"] is not None]
    scored.sort(key=lambda pair: -parts[pair[0].name]["score"])
    icons = [_decoded_icon(parts[item.name]["icon"]) for item, _ in scored]
    twins = thin(np.stack(icons)) if icons else []
    ranked: list[Ranked] = []
    last: list[Ranked] = []
    for (item, record), twin in zip(scored, twins, strict=True):
        if twin is None:
            ranked.append(Ranked(item, record, len(ranked) + 1, None))
        else:
            last.append(Ranked(item, record, None, scored[twin][0]))
    empty = [Ranked(*pair, None, None) for pair in done if parts[pair[0].name]["score"] is None]
    return ranked + last + empty


class _Scores(Writer):
    """Collects the uncertainty of an item."""

    def __init__(self, made: Ranking, item: Item, raster: Raster) -> None:
        self._made, self._item = made, item
        self._share = TopShare()
        self._thumbnail = Thumbnail(raster.height, raster.width)

    def write(self, piece: ItemRows) -> None:
        """Add the next rows."""
        labels = self._made.settings.labels
        uncertainty_HW = self._uncertainty(piece)
        has_data_HW = piece.label_HW != labels.ignore_index
        values = uncertainty_HW[has_data_HW]
        if not np.isfinite(values).all():
            raise DataError(
                f"{self._item.source}: the network gives probabilities that are no numbers\n"
                "  take other weights, or another precision"
            )
        self._share.add(values)
        self._thumbnail.add(piece, np.where(has_data_HW, uncertainty_HW, np.float32(np.nan)))

    def _uncertainty(self, piece: ItemRows) -> NDArray[np.float32]:
        """Return the uncertainty of some rows, H x W."""
        if piece.disagreement_HW is not None and self._made.wants_disagreement:
            return piece.disagreement_HW
        assert piece.probabilities_KHW is not None
        measure = {"entropy": entropy, "margin": margin}[str(self._made.settings.options.rank)]
        probabilities_KHW = torch.from_numpy(piece.probabilities_KHW)
        outputs = self._made.settings.labels.outputs
        return np.asarray(measure(probabilities_KHW, 0, outputs), np.float32)

    def close(self) -> dict[str, Any]:
        """Write the thumbnails; return the score."""
        settings, small = self._made.settings, self._thumbnail
        image_HW3 = small.image_HW3
        drawn = overlay(
            image_HW3, small.label_HW, settings.labels, settings.options.overlay_opacity
        )
        levels = Image.fromarray(np.rint(small.uncertainty_HW * _LEVELS).astype(np.uint16))
        thumbnails = [
            encode(Image.fromarray(image_HW3), "JPEG", quality=85),
            encode(drawn, "JPEG", quality=85),
            encode(levels, "PNG"),
        ]
        (target,) = self._made.targets(self._item)
        content = compact_json(thumbnails)
        write_atomically(self._made.path(target), lambda file: file.write(content))
        return {
            "score": self._share.mean(settings.options.ranking.share),
            "pixels": self._share.count,
            "icon": base64.b64encode(icon(image_HW3).tobytes()).decode(),
        }


def _text(part: ManifestEntry) -> str:
    """Return a score as text."""
    return f"{part['score']:.6f}"


def _decoded_icon(encoded: str) -> NDArray[np.uint8]:
    """Return the icon of an entry."""
    return np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(ICON_PX, ICON_PX)
