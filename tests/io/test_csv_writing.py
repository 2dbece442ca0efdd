import ast
import csv
from io import StringIO

import pytest

from seg.io.csv_table import format_csv
from seg.prediction.writers.areas import COLUMNS
from tests.conftest import REPO


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\n"])
def test_what_a_spreadsheet_would_calculate_is_text(first):
    text = format_csv([("name", "miou"), (f"{first}1+cmd()", 0.5)])
    header, row = csv.reader(StringIO(text, newline=""))
    assert header == ["name", "miou"]
    assert row == [f"'{first}1+cmd()", "0.5"]


def test_control_characters_are_written_out():
    assert format_csv([("\r=1", "a\x1b[31m")]) == "\\x0d=1,a\\x1b[31m\n"


def test_numbers_and_usual_names_stay():
    row = ("a=b.png", "-1e-3", "+inf", -0.5, None, "", "it's", "a,b")
    text = format_csv([COLUMNS, row])
    assert text.splitlines()[1] == 'a=b.png,-1e-3,+inf,-0.5,,,it\'s,"a,b"'


def test_all_tables_are_written_there():
    for path in sorted((REPO / "seg").rglob("*.py")):
        names = {
            node.attr for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr in ("writer", "DictWriter")
            and isinstance(node.value, ast.Name) and node.value.id == "csv"
        }  # fmt: skip
        assert not names or path.name == "csv_table.py", path
