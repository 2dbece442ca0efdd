"""Markup from parts; texts and attributes are escaped."""

from typing import Any

from markupsafe import Markup, escape

_VOID = frozenset({"img", "input", "br", "meta"})


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """Return an element; `class_` and `stroke_width` become `class` and `stroke-width`.

    Args:
        tag: its name.
        children: markup as it is, anything else escaped.
        attributes: None is left out; floats have four digits at most.
    """
    head = Markup("").join(
        Markup(' {}="{}"').format(Markup(key.rstrip("_").replace("_", "-")), _short(value))
        for key, value in attributes.items()
        if value is not None
    )
    name = Markup(tag)
    if tag in _VOID:
        return Markup("<{}{}>").format(name, head)
    return Markup("<{}{}>{}</{}>").format(name, head, joined(children), name)


def joined(parts: Any) -> Markup:
    """Join parts; those that are no markup are escaped."""
    return Markup("").join(escape(part) for part in parts)


def svg(*children: Any, width: float = 100, height: float = 100, **attributes: Any) -> Markup:
    """Return an SVG that fills its box whatever the proportions; lines keep their width."""
    defaults = {"preserveAspectRatio": "none", "role": "img"} | attributes
    return element("svg", *children, viewBox=f"0 0 {width:g} {height:g}", **defaults)


def path(points: list[tuple[float, float]], **attributes: Any) -> Markup:
    """Return a line through points."""
    steps = " L".join(f"{x:.3f} {y:.3f}" for x, y in points)
    return element("path", d=f"M{steps}", vector_effect="non-scaling-stroke", **attributes)


def dot(x: float, y: float, title: str, **attributes: Any) -> Markup:
    """Return a round mark in a stretched SVG: a line of no length with round ends."""
    defaults = {"class_": "dot"} | attributes
    return element(
        "path",
        element("title", title),
        d=f"M{x:.3f} {y:.3f}h.001",
        vector_effect="non-scaling-stroke",
        **defaults,
    )


def _short(value: Any) -> Any:
    """Return a float with four digits at most, other values as they are."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
