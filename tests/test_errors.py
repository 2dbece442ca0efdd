"""Errors become messages and exit codes, whatever stands behind them."""

import errno

import pytest

from seg.errors import StorageError, chain_of, exit_code_of, user_message


@pytest.fixture
def circle():
    """An error whose cause has it for a cause."""
    first, second = RuntimeError("first"), RuntimeError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def test_a_circle_of_causes_ends(circle):
    assert [str(each) for each in chain_of(circle)] == ["first", "second"]
    assert user_message(circle) is None


def test_a_full_disk_counts_behind_other_errors(circle):
    circle.__cause__.__cause__ = OSError(errno.ENOSPC, "No space left on device", "file")
    assert "make room" in user_message(circle)
    assert exit_code_of(circle) == StorageError.exit_code
