"""The strings of the package that are no docstrings, read from its source."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.conftest import REPO

HOLE = "\0"  # what a message fills in
KEY = re.compile(r"(?<![\w.$#\0/-])\+{0,2}([a-z]\w*(?:\.\w+)*)=([^\s=,;:)'\"?]*)")


@cache
def messages() -> tuple[tuple[str, str], ...]:
    """Where each string of the package that is no docstring stands, and the string."""
    return tuple(_messages())


def _messages() -> Iterator[tuple[str, str]]:
    for file in sorted((REPO / "seg").rglob("*.py")):
        tree = ast.parse(file.read_text())
        inner = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in ast.walk(node)
            if part is not node
        }
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in inner | docstrings or not isinstance(node, ast.JoinedStr | ast.Constant):
                continue
            text = _text(node)
            if " " in text and not re.search("<|^import |, background=", text, re.MULTILINE):
                yield f"{file.relative_to(REPO)}:{node.lineno}", text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return HOLE
