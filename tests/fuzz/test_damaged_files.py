"""Damaged files of every kind, by the functions that read them: an answer or one short error.

No traceback, no run without an end, no wrong success where the format has a checksum. Each case
follows from its number; `SEG_FUZZ_CASES=N` sets how many there are of each kind.
"""

import faulthandler
import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import pytest
import yaml

from seg.errors import UserError
from tests.fuzz.datasets import DATASETS
from tests.fuzz.kind import Kind
from tests.fuzz.mutations import damaged, misshapen
from tests.fuzz.records import RECORDS
from tests.fuzz.weights import WEIGHTS

CASES = int(os.environ.get("SEG_FUZZ_CASES", "20"))
SECONDS = float(os.environ.get("SEG_FUZZ_SECONDS", "30"))
MEMORY_BYTES = 3 * 2**30
KINDS = (*RECORDS, *DATASETS, *WEIGHTS)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_damage_ends_in_an_answer_or_in_a_short_error(kind: Kind, tmp_path: Path) -> None:
    path = kind.write(tmp_path)
    sound = path.read_bytes()
    expected = kind.read(path)
    faults = []
    for number in range(CASES):
        content = _case(kind, sound, number)
        path.write_bytes(content)
        fault = _fault(kind, path, expected)
        if fault is not None:
            faults.append(f"case {number} ({content[:60]!r}...): {fault}")
    assert not faults, f"{len(faults)} of {CASES}\n" + "\n".join(faults[:10])


def _case(kind: Kind, sound: bytes, number: int) -> bytes:
    random = Random(f"{kind.name} {number}")
    if kind.plain == "json" and number % 3:
        return json.dumps(misshapen(json.loads(sound), random)).encode()
    if kind.plain == "yaml" and number % 3:
        return yaml.dump(misshapen(yaml.safe_load(sound), random)).encode("utf-8", "surrogatepass")
    return damaged(sound, random)


def _fault(kind: Kind, path: Path, expected: Any) -> str | None:
    """What is wrong with how a damaged file is answered."""
    try:
        with _limits():
            answer = kind.read(path)
    except UserError as error:
        lines = str(error).splitlines()
        if not 1 <= len(lines) <= 6 or len(str(error)) > 2_000:
            return f"a message of {len(lines)} lines, {len(str(error))} characters: {lines[:3]}"
        return None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {str(error)[:200]}"
    if kind.verified and answer != expected:
        return "a wrong answer without an error"
    return None


@contextmanager
def _limits() -> Iterator[None]:
    """Of time and of memory; what hangs in a library ends the whole process with a traceback."""

    def too_long(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"no end within {SECONDS:g} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc").is_dir() else 0
    before = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, too_long)
    faulthandler.dump_traceback_later(4 * SECONDS, exit=True)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        if pages:
            most = pages * resource.getpagesize() + MEMORY_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, before)
