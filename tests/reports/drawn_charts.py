"""Elements and points of an SVG chart."""

import re
from xml.etree import ElementTree


def parsed(markup):
    return ElementTree.fromstring(str(markup).replace("&ndash;", "-"))


def of_class(root, name):
    return [each for each in root.iter() if name in each.get("class", "").split()]


def points(drawn):
    return [tuple(map(float, pair)) for pair in re.findall(r"([-\d.]+) ([-\d.]+)", drawn.get("d"))]
