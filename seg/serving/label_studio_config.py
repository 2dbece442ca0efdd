"""Labeling configurations of Label Studio: which labels its projects draw, and on which images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import cast, get_args

from seg.errors import DataError, first_of
from seg.io.source import Source
from seg.io.xml_parser import XmlParser
from seg.prediction.label_studio_results import Control, Tag
from seg.prediction.polygons import Region

_TAGS = get_args(Tag)
_SOURCE = Source(
    "label_config", "labeling configuration", "change it in the settings of the project"
)


@dataclass(frozen=True)
class ImageTag:
    """An image of a task.

    Attributes:
        name: `to_name` of results.
        key: of the data of a task, where the address is.
        is_list: whether there are several addresses (`valueList`).
    """

    name: str
    key: str
    is_list: bool


@dataclass(frozen=True)
class LabelingConfig:
    """What a network can draw in a project.

    Attributes:
        images: those that it can draw on.
        controls: the tags that it can draw with.
        left_out: its classes that no tag has a label for.
    """

    images: tuple[ImageTag, ...]
    controls: tuple[Control, ...]
    left_out: tuple[str, ...]

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels by the names of the tags, for people."""
        return {each.name: ", ".join(each.labels.values()) for each in self.controls}

    def controls_of(self, image: ImageTag) -> list[Control]:
        """Return the tags that draw on an image."""
        return [each for each in self.controls if each.to_name == image.name]


def choose_control(region: Region, controls: Sequence[Control]) -> Control | None:
    """Return the tag to draw a region with; None: none has a label for its class.

    Polygons have no holes, and a rectangle is the last resort.
    """
    order = ["PolygonLabels", "BrushLabels", "RectangleLabels"]
    if region.has_holes:
        order = ["BrushLabels", "PolygonLabels", "RectangleLabels"]
    fitting = [each for each in controls if region.class_index in each.labels]
    return min(fitting, key=lambda each: order.index(each.tag), default=None)


def read_config(xml: str, classes: Sequence[str]) -> LabelingConfig:
    """Read a labeling configuration.

    A class has the label whose `value`, `alias` or one of whose `predicted_values` is its name;
    where none is the same, one that differs in case or blanks alone.

    Args:
        xml: as the project has it.
        classes: of the network.

    Raises:
        DataError: it is no XML, has no image or no tag that draws regions, or no label is a class.
    """
    parser = _Parser()
    parser.parse(BytesIO(xml.encode("utf-8", "surrogatepass")))
    if not parser.images:
        raise _SOURCE.damaged('without an <Image name="image" value="$image"/>', fault="config")
    if not parser.drawn:
        raise _SOURCE.damaged(
            f"without a tag that draws regions on it; allowed: {', '.join(_TAGS)}", fault="config"
        )
    controls = tuple(control for each in parser.drawn for control in each.controls(classes))
    controls = tuple(each for each in controls if each.to_name in parser.images)
    labelled = {at for each in controls for at in each.labels}
    if not labelled:
        names = [str(label.get("value")) for each in parser.drawn for label in each.labels]
        raise DataError(
            "label_config: no label of the project is a class of this network\n"
            f"  its labels: {first_of(names) or 'none'}\n"
            f"  classes: {first_of(list(classes))}\n"
            '  name labels like classes, or give a label predicted_values="CLASS,CLASS"',
            fault="config",
        )
    images = [parser.images[name] for name in dict.fromkeys(each.to_name for each in controls)]
    left_out = tuple(name for at, name in enumerate(classes) if at not in labelled)
    return LabelingConfig(tuple(images), controls, left_out)


@dataclass
class _DrawingTag:
    tag: Tag
    name: str
    to_names: Sequence[str]
    labels: list[Mapping[str, str]] = field(default_factory=list)

    def controls(self, classes: Sequence[str]) -> Iterator[Control]:
        """Yield it once for each image."""
        labels = {at: label for at, name in enumerate(classes) if (label := self._label(name))}
        for to_name in self.to_names:
            if labels:
                yield Control(self.tag, self.name, to_name, labels)

    def _label(self, class_name: str) -> str | None:
        """Return the label of a class as results have it."""
        for same in (str, _alike):
            for label in self.labels:
                names = [label.get("value", ""), label.get("alias", "")]
                names += label.get("predicted_values", "").split(",")
                if same(class_name) in [same(name.strip()) for name in names if name.strip()]:
                    return label.get("alias") or label.get("value")
        return None


def _alike(name: str) -> str:
    return "".join(name.casefold().split())


class _Parser(XmlParser):
    def __init__(self) -> None:
        super().__init__(_SOURCE)
        self.images: dict[str, ImageTag] = {}
        self.drawn: list[_DrawingTag] = []
        self._depth = -1

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Read an image, a tag that draws, or one of its labels."""
        name = attributes.get("name", "")
        if tag == "Image":
            is_list = "valueList" in attributes
            value = attributes.get("valueList" if is_list else "value", "")
            if name and value.startswith("$"):
                self.images[name] = ImageTag(name, value[1:], is_list)
        elif tag in _TAGS and name:
            to_names = [each.strip() for each in attributes.get("toName", "").split(",")]
            self.drawn.append(_DrawingTag(cast(Tag, tag), name, to_names))
            self._depth = len(self.path)
        elif tag == "Label" and self._depth >= 0:
            self.drawn[-1].labels.append(attributes)

    def end(self, tag: str) -> None:
        """Leave a tag that draws."""
        if len(self.path) - 1 == self._depth:
            self._depth = -1
