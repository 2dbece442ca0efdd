"""The page of a ranking: one file that fetches nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.io.terminal import printable
from seg.prediction.writer import Settings
from seg.visualization.html import class_entry, data_uri, encode, fill

_TEMPLATES = Path(__file__).parent / "templates"
_BRIGHT = 99.5  # percentile of all thumbnails that is drawn brightest
_LISTED = 3  # names of near duplicates
_MEASURES = {
    "entropy": "entropy of the classes, 0 where the network is sure, 1 where all are as likely",
    "margin": "closeness of the two likeliest classes, 1 where they are as likely",
    "disagreement": "contradiction between predictions (mutual information), 0 where all agree",
}


@dataclass(frozen=True)
class Card:
    """What the page shows of an image.

    Attributes:
        rank: from 1.
        name: of the image.
        score: its mean uncertainty.
        size: width and height, px.
        twins: the names of near duplicates.
        image, labels: JPEG files in base64, without and with the predicted classes.
        uncertainty_HW: 0 to 1, of the size of both.
    """

    rank: int
    name: str
    score: float
    size: tuple[int, int]
    twins: tuple[str, ...]
    image: str
    labels: str
    uncertainty_HW: NDArray[np.float32]


def ranking_page(settings: Settings, cards: Sequence[Card], count: int) -> str:
    """Return the page of the first of `count` images."""
    options, labels = settings.options, settings.labels
    values = np.concatenate(
        [card.uncertainty_HW.ravel() for card in cards] or [np.zeros(1, np.float32)]
    )
    brightest = max(float(np.percentile(values, _BRIGHT)), 1e-6)
    return fill(
        _TEMPLATES / "ranking.html",
        count=len(cards),
        total=count,
        measure=_MEASURES[str(options.rank)],
        share=f"{options.ranking.share * 100:.3g}",
        brightest=f"{brightest:.2g}",
        legend="\n".join(class_entry(labels, at) for at in range(labels.num_classes)),
        cards="\n".join(_card(card, brightest) for card in cards)
        or f"<li>No image {'has pixels with data' if count else 'could be read'}.</li>",
    )


def _card(card: Card, brightest: float) -> str:
    """Return an image as HTML."""
    height, width = card.uncertainty_HW.shape
    return fill(
        _TEMPLATES / "ranking_card.html",
        rank=card.rank,
        name=escape(printable(card.name)),
        score=f"{card.score:.3f}",
        size=f"{card.size[0]} x {card.size[1]}",
        width=width,
        height=height,
        twins=_twins(card.twins),
        image=data_uri(card.image, "JPEG"),
        labels=data_uri(card.labels, "JPEG"),
        uncertainty=data_uri(encode(_heat(card, brightest), "JPEG", quality=88), "JPEG"),
    )


def _twins(names: Sequence[str]) -> str:
    """Return a line on near duplicates; empty without any."""
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = escape(printable(", ".join(names[:_LISTED])))
    return f"<p>shows nearly the same as {listed}{more}</p>"


def _heat(card: Card, brightest: float) -> Image.Image:
    """Return the uncertainty in colors, from black over red to light yellow."""
    levels_HW = np.clip(card.uncertainty_HW / brightest, 0, 1) * 255
    bgr_HW3 = cv2.applyColorMap(np.rint(levels_HW).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return Image.fromarray(cv2.cvtColor(bgr_HW3, cv2.COLOR_BGR2RGB))
