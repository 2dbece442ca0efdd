"""Parts of self-contained pages."""

import base64
from html import escape
from io import BytesIO
from pathlib import Path
from string import Template

from PIL import Image

from seg.data.label_space import LabelSpace


def fill(template: Path, **values: object) -> str:
    """Return a template file with `$names` replaced."""
    return Template(template.read_text("utf-8")).substitute(values)


def class_entry(labels: LabelSpace, train_id: int, more: str = "") -> str:
    """Return a class of a legend as an item of a list; `more` is HTML that follows its name."""
    color = "#{:02x}{:02x}{:02x}".format(*labels.palette[train_id])
    name = escape(labels.names[train_id])
    return f'<li><i style="background: {color}"></i>{name}{more}</li>'


def encode(image: Image.Image, kind: str, **options: int) -> str:
    """Return an image file of a kind (`JPEG`, `PNG`) in base64."""
    content = BytesIO()
    image.save(content, kind, **options)
    return base64.b64encode(content.getvalue()).decode()


def data_uri(encoded: str, kind: str) -> str:
    """Return the address of what `encode` returned."""
    return f"data:image/{kind.lower()};base64,{encoded}"
