"""Markup out of parts; whatever a text or an attribute holds, it stays text."""

from typing import Any

from markupsafe import Markup, escape

_VOID = frozenset({"img", "input", "br", "meta"})


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """An element; `class_` and `stroke_width` become `class` and `stroke-width`, None is left out.

    Args:
        tag: its name.
        children: markup as it is, anything else as text.
        attributes: floats with four digits at most.
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
    """Parts one after the other, escaped where they are not markup."""
    return Markup("").join(escape(part) for part in parts)


def svg(*children: Any, width: float = 100, height: float = 100, **attributes: Any) -> Markup:
    """An SVG that fills the box around it, whatever the proportions; its lines keep their width."""
    given = {"preserveAspectRatio": "none", "role": "img"} | attributes
    return element("svg", *children, viewBox=f"0 0 {width:g} {height:g}", **given)


def path(points: list[tuple[float, float]], **attributes: Any) -> Markup:
    """A line through points."""
    steps = " L".join(f"{x:.3f} {y:.3f}" for x, y in points)
    return element("path", d=f"M{steps}", vector_effect="non-scaling-stroke", **attributes)


def dot(x: float, y: float, title: str, **attributes: Any) -> Markup:
    """A round mark in a stretched SVG: a line of no length with round ends."""
    given = {"class_": "dot"} | attributes
    return element(
        "path",
        element("title", title),
        d=f"M{x:.3f} {y:.3f}h.001",
        vector_effect="non-scaling-stroke",
        **given,
    )


def _short(value: Any) -> Any:
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
