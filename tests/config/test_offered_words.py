"""What the answers to a command line offer, parsed from them and typed; nothing is built."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.config.offered_word_cases import CASES
from tests.remedies import answer, retyped


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.typed}: {case.takes}")
def test_what_is_offered_is_typed(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own").mkdir()
    command, *arguments = shlex.split(case.typed)
    message = answer(command, *arguments)
    assert message is not None, case.typed
    line = retyped(replace(case, names={"...": "5"}), message)
    told = answer(*line)
    assert told is None if not case.then else case.then in str(told), line
