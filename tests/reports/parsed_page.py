"""A report's page, parsed."""

import base64
from html.parser import HTMLParser
from io import BytesIO

from PIL import Image

from seg.reports.page import write_report

VOID = {"meta", "link", "img", "input", "source", "br"}


class Page(HTMLParser):
    """Tags with attributes, the text between, and whether every tag is closed in its turn."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self._open, self.inside = [], "", [], {}
        self.source = path.read_text()
        self.feed(self.source)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open and "script" not in self._open:
            self.text += data
            for tag in set(self._open):
                self.inside.setdefault(tag, []).append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def ids(self):
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


def page_of(*folders, target, tariff=None):
    write_report(list(folders), target, tariff)
    return Page(target)


def decoded(address):
    head, _, content = address.partition(",")
    assert head in {f"data:image/{kind};base64" for kind in ("jpeg", "png", "gif")}
    return Image.open(BytesIO(base64.b64decode(content)))
