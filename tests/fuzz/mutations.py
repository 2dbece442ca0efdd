"""Damages that a seed draws: bytes, lengths, and values within plain data."""

import copy
from random import Random
from typing import Any

# Values that a file may hold where another is expected.
STRANGE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    255,
    256,
    65_536,
    2**31,
    2**63,
    -(2**63),
    10**99,
    0.5,
    -0.0,
    1e308,
    1e-308,
    float("inf"),
    float("nan"),
    "",
    "x",
    "0",
    "nan",
    "../x",
    "/x",
    "a\x00b",
    "\x1b[31m",
    "\ud800",
    "\u0663",
    "x" * 5_000,
    [],
    {},
    [[]],
    [0],
    ["x"],
    {"x": 1},
    {"": {}},
)
_BYTES = (b"\x00", b"\xff", b"\x7f", b"\n", b'"', b"[", b"{", b"9", b",", b"-")


def damaged(content: bytes, random: Random) -> bytes:
    """Return other bytes than `content`: some of it changed, missing, repeated or added."""
    changed = content
    while changed == content:
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            changed = random.choice(_WAYS)(changed, random)
    return changed


def _flip(content: bytes, random: Random) -> bytes:
    if not content:
        return b"\x00"
    # the beginning holds the headers of most kinds
    end = random.choice((len(content), min(len(content), 64)))
    place = random.randrange(end)
    return (
        content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]
    )


def _overwrite(content: bytes, random: Random) -> bytes:
    if not content:
        return b"x"
    place = random.randrange(len(content))
    part = random.choice(_BYTES) * random.choice((1, 2, 4, 8))
    return content[:place] + part + content[place + len(part) :]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _remove(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + content[place + random.choice((1, 1, 2, 16, 200)) :]


def _insert(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    part = random.choice((*_BYTES, b"[" * 500, b'{"a":' * 100, random.randbytes(8)))
    return content[:place] + part + content[place:]


def _repeat(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + content[place : place + random.choice((1, 10, 300))] + content[place:]


_WAYS = (_flip, _flip, _overwrite, _cut, _remove, _insert, _repeat)


def misshapen(content: Any, random: Random) -> Any:
    """Return plain data in which one to three values are of another kind, missing or repeated."""
    changed = copy.deepcopy(content)
    for _ in range(random.choice((1, 1, 2, 3))):
        places = list(_places(changed))
        if not places:
            return random.choice(STRANGE)
        parent, key = random.choice(places)
        way = random.randrange(4)
        if way == 0:
            del parent[key]
        elif way == 1 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif way == 1:
            parent[f"{key}x"] = parent.pop(key)
        else:
            parent[key] = copy.deepcopy(random.choice(STRANGE))
    return changed


def _places(content: Any) -> Any:
    items: Any = ()
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    for key, value in items:
        yield content, key
        yield from _places(value)
