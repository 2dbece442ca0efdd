"""Regions of the annotations of Label Studio, as its JSON and JSON-MIN have them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seg.errors import DataError

KINDS = ("brush", "polygon", "rectangle", "ellipse")
"""Shapes that have an area."""

# Answers about an image or a region that have no pixels of their own.
_ANSWERS = frozenset(
    (
        *("choices", "textarea", "rating", "number", "datetime", "taxonomy", "pairwise"),
        *("relation", "ranker", "hypertext", "chatmessage", "reactcode"),
    )
)
_GEOMETRY = (  # the keys of each kind; the first that are all there tell it
    ("brush", ("rle",)),
    ("polygon", ("points",)),
    ("ellipse", ("radiusX", "radiusY")),
    ("rectangle", ("x", "y", "width", "height")),
)


@dataclass(frozen=True)
class Region:
    """A shape of an annotation.

    Attributes:
        at: position among the results.
        kind: one of `KINDS`, or the type that Label Studio gives it.
        labels: of the shape.
        value: its geometry, as the file has it; run lengths as bytes.
        size: width and height of the image in px, as the file has them; None: it has none.
        image_rotation: by which the image was turned, in degrees.
    """

    at: int
    kind: str
    labels: tuple[Any, ...]
    value: Mapping[str, Any]
    size: tuple[Any, Any] | None
    image_rotation: Any


def read_regions(results: Any, where: str) -> Iterator[Region]:
    """Yield the regions of an annotation of the JSON export, without answers to questions.

    Args:
        results: `result` of the annotation.
        where: the task, for messages.

    Raises:
        DataError: they are no list of results.
    """
    results = [] if results is None else results
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise DataError(f"{where}: its result is no list of regions", fault="damaged")
    values: dict[int, dict[str, Any]] = {}
    for at, result in enumerate(results):
        value = result.get("value", {})
        if str(result.get("type")).lower() not in _ANSWERS:
            if not isinstance(value, dict):
                raise DataError(f"{where}: result {at} has no value", fault="damaged")
            values[at] = _packed(value)
    ids = {at: results[at].get("id") for at in values}
    keys = {at: id_ if isinstance(id_, str | int) else None for at, id_ in ids.items()}
    kinds = {at: str(results[at].get("type")).lower() for at in values}
    yield from _joined(values, kinds, keys, results)


def _joined(
    values: Mapping[int, dict[str, Any]],
    kinds: Mapping[int, str],
    keys: Mapping[int, Any],
    results: Sequence[Mapping[str, Any]],
) -> Iterator[Region]:
    """Yield regions; a shape whose label is a result of its own (`<Labels>`) is one of both."""
    labels = {at: _labels(value, kinds[at]) for at, value in values.items()}
    labelled = {keys[at] for at in values if labels[at] and keys[at] is not None}
    shapes: dict[Any, dict[str, Any]] = {}
    for at, value in values.items():
        if not labels[at] and keys[at] in labelled and _kind(value) is not None:
            shapes[keys[at]] = value
    for at, value in values.items():
        if not labels[at] and keys[at] in labelled:
            continue
        whole = {**shapes.get(keys[at], {}), **value}
        result = results[at]
        source = result if "original_width" in result else whole
        size = (source.get("original_width"), source.get("original_height"))
        kind = kinds[at].removesuffix("labels")
        yield Region(
            at,
            kind if kind in KINDS else ("" if kind else _kind(whole)) or kinds[at],
            labels[at],
            whole,
            None if size == (None, None) else size,
            result.get("image_rotation", 0),
        )


def _kind(value: Mapping[str, Any]) -> str | None:
    return next((kind for kind, keys in _GEOMETRY if all(key in value for key in keys)), None)


def _labels(value: Mapping[str, Any], kind: str) -> tuple[Any, ...]:
    listed = value.get(kind if kind.endswith("labels") else f"{kind}labels")
    return tuple(listed) if isinstance(listed, list) else ()


def _packed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value whose run lengths are bytes: an eighth of the memory of a list."""
    rle = value.get("rle")
    try:
        return {**value, "rle": bytes(rle)} if isinstance(rle, list) else dict(value)
    except (TypeError, ValueError):  # drawing reports it
        return dict(value)


def read_small_regions(record: Mapping[str, Any]) -> Iterator[Region]:
    """Yield the regions of a record of JSON-MIN, which groups them by the tags that drew them."""
    values: dict[int, dict[str, Any]] = {}
    results: list[dict[str, Any]] = []
    for listed in record.values():
        for value in listed if isinstance(listed, list) else ():
            if isinstance(value, dict) and _has_pixels(value):
                values[len(results)] = _packed(value)
                results.append(value)
    kinds = {at: _small_kind(value) for at, value in values.items()}
    keys = {at: _shape_key(value) for at, value in values.items()}
    yield from _joined(values, kinds, keys, results)


def _has_pixels(value: Mapping[str, Any]) -> bool:
    if any(answer in value for answer in (*_ANSWERS, "text")):
        return False
    return "original_width" in value or any(str(key).endswith("labels") for key in value)


def _small_kind(value: Mapping[str, Any]) -> str:
    """Return the type of a result of JSON-MIN, which has none, from its keys."""
    named = [str(key).lower() for key in value if str(key).lower().endswith("labels")]
    return named[0] if named else _kind(value) or "region"


def _shape_key(value: Mapping[str, Any]) -> Any:
    kind = _kind(value)
    keys = dict(_GEOMETRY).get(kind or "", ())
    return kind, *(repr(value[key]) for key in keys)
