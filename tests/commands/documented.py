"""The command lines that README and docs print."""

import re
import shlex
from pathlib import Path

from tests.conftest import REPO

PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SHELLS = ("", "sh", "bash", "shell", "console")
_INLINE = re.compile(r"`(python -m seg\.\w+\s[^`]+)`")


def command_lines() -> list[str]:
    """Every line of every shell block, and commands within the text; each once."""
    lines: list[str] = []
    for page in PAGES:
        text = page.read_text()
        for language, block in _BLOCK.findall(text):
            if language in _SHELLS:
                lines += [line.strip() for line in block.splitlines() if line.strip()]
        prose = _BLOCK.sub("", text)
        lines += [" ".join(each.split()) for each in _INLINE.findall(prose)]
    return list(dict.fromkeys(without_comment(line) for line in lines))


def without_comment(line: str) -> str:
    """What stands before ` #`."""
    return re.split(r"\s+# ", line, maxsplit=1)[0].strip()


def words(line: str) -> list[str]:
    """A line as a shell splits it."""
    return shlex.split(line)


def values_of_keys() -> list[str]:
    """Inline `KEY=[...]` and `KEY={...}` of all pages, with what quotes them."""
    text = "\n".join(page.read_text() for page in PAGES)
    return re.findall(r"`[^`\n]*[\w.]+=[\[{][^`\n]*`", text)


def heads() -> list[str]:
    """The commands in the head of each file of `conf/`."""
    found: list[str] = []
    for file in sorted(Path(REPO / "conf").rglob("*.yaml")):
        found += re.findall(r"^# (?:command: +)?(python -m seg\..*)$", file.read_text(), re.M)
    return found
