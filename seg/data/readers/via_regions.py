"""Regions of the VGG Image Annotator and the classes that their attributes give them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seg.errors import ConfigError, DataError, brief, first_of


@dataclass(frozen=True)
class ViaRegion:
    """A shape in an image.

    Attributes:
        kind: of the shape, as version 2 calls it: `polygon`, `rect`, `point`.
        place: in its file, for messages.
        shape: the numbers of the shape by the names of version 2.
        attributes: values by the names of the attributes.
    """

    kind: str
    place: str
    shape: Mapping[str, Any]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class ViaImage:
    """An image of a file.

    Attributes:
        address: the name of the file, a path or an address.
        place: in its file, for messages.
        regions: in the order of the file.
    """

    address: str
    place: str
    regions: tuple[ViaRegion, ...]


@dataclass(frozen=True)
class RegionClasses:
    """Which attribute holds the class of regions.

    Attributes:
        attribute: its name; None: no region has one.
        default: the class of regions without a value; None: they are an error.
        texts: of its options by their ids.
    """

    attribute: str | None
    default: str | None
    texts: Mapping[str, str]

    def label(self, region: ViaRegion, where: object) -> str:
        """Return the class of a region.

        Args:
            region: the region.
            where: its file, for messages.

        Raises:
            DataError: it has none or several.
        """
        value = region.attributes.get(self.attribute) if self.attribute is not None else None
        chosen = _chosen(value)
        if chosen is None or len(chosen) > 1:
            raise DataError(
                f"{where}: {region.place}: {self.attribute} is {brief(value)}; one class is needed",
                fault="annotation",
            )
        if chosen:
            return self.texts.get(chosen[0], chosen[0])
        if self.default is None:
            raise DataError(
                f"{where}: {region.place} ({region.kind}) has no {self.attribute}\n"
                "  give it a class, or name the class of such regions: dataset.default_class=NAME",
                fault="annotation",
            )
        return self.default


def find_region_classes(
    regions: Iterable[ViaRegion],
    options: Mapping[str, Mapping[str, str]],
    attribute: str | None,
    default: str | None,
    where: object,
) -> RegionClasses:
    """Return which attribute holds the class.

    Args:
        regions: of all files.
        options: of the attributes, by their ids.
        attribute: the configured name; None: the only one that has values.
        default: the configured class of regions without a value.
        where: the files, for messages.

    Raises:
        ConfigError: no region has the attribute, several attributes have values, or none has and
            there is no default.
    """
    counts = Counter(
        key
        for region in regions
        for key, value in region.attributes.items()
        if _chosen(value) != ()
    )
    listed = [f"{key} ({count})" for key, count in counts.most_common()]
    if attribute is not None and attribute not in {*counts, *options}:
        raise ConfigError(
            f"dataset.class_attribute={attribute}: no region in {where} has it; they have:"
            f" {first_of(listed) or 'none'}"
        )
    if attribute is None and len(counts) > 1:
        raise ConfigError(
            f"{where}: several attributes of regions may be the class: {first_of(listed)}\n"
            "  choose one: dataset.class_attribute=KEY"
        )
    if attribute is None and not counts and default is None:
        raise ConfigError(
            f"{where}: no region has an attribute that could be its class\n"
            "  name the class of all of them: dataset.default_class=NAME"
        )
    chosen = attribute if attribute is not None else next(iter(counts), None)
    texts = options.get(chosen, {}) if chosen is not None else {}
    is_clear = all(texts.values()) and len(set(texts.values())) == len(texts)
    return RegionClasses(chosen, default, texts if is_clear else {})


def _chosen(value: Any) -> tuple[str, ...] | None:
    """Return what a value chooses: texts, or ids of options; None: nothing that is understood."""
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (value,)
    if type(value) is int:
        return (str(value),)
    if isinstance(value, dict):  # of a checkbox
        return tuple(id_ for id_, is_set in value.items() if is_set is True)
    return None
