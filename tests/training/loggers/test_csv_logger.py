"""`metrics.csv` of a run that goes on: sound rows stay, damaged ones are put aside."""

import csv

import pytest

from seg.io.csv_table import column_name, parse_numbers
from seg.training.loggers.csv_logger import Curve, cut_curve


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def logged(tmp_path, steps):
    curve = Curve(save_dir=str(tmp_path))
    for step in steps:
        curve.log_metrics({"train/loss": 1 / (step + 1)}, step)
    return tmp_path / "metrics.csv"


def test_sound_rows_before_the_step_stay(tmp_path, caplog):
    path = logged(tmp_path, range(6))
    whole = path.read_bytes()
    path.write_bytes(whole + b"6,0.1")  # killed in the midst of a row
    cut_curve(path, 4)
    assert [row["step"] for row in rows(path)] == ["0", "1", "2", "3"]
    assert not caplog.text
    assert [each.name for each in tmp_path.iterdir()] == ["metrics.csv"]


def test_damaged_rows_cost_no_others(tmp_path, caplog):
    path = logged(tmp_path, range(6))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'"1,0.5\r\n'
    lines[4] = b"3,0.\xff\r\n"
    path.write_bytes(b"".join(lines))
    cut_curve(path, 5)
    assert [row["step"] for row in rows(path)] == ["0", "2", "4"]
    assert path.with_name("metrics.csv.damaged").read_bytes() == b"".join(lines)
    assert "metrics.csv.damaged" in caplog.text
    logged(tmp_path, [5])
    assert [row["step"] for row in rows(path)] == ["0", "2", "4", "5"]


def test_a_damaged_first_line_loses_nothing(tmp_path):
    path = logged(tmp_path, range(3))
    content = path.read_bytes().replace(b"step", b"st\xffp")
    path.write_bytes(content)
    cut_curve(path, 3)
    assert not path.exists()
    assert path.with_name("metrics.csv.damaged").read_bytes() == content


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "a\r\nb", "=1+1", 'a,"b"', "\u202eder"])
def test_rows_of_any_class_name_are_read_again(tmp_path, name):
    curve = Curve(save_dir=str(tmp_path))
    for step in range(3):
        curve.log_metrics({"train/loss": 0.5}, 2 * step)
        curve.log_metrics({f"val/iou/{name}": step / 4, name: 0.25}, 2 * step + 1)
    header, sound, damaged = parse_numbers((tmp_path / "metrics.csv").read_bytes())
    column = column_name(f"val/iou/{name}")
    assert sorted(header) == sorted(["step", "train/loss", column, column_name(name)])
    assert damaged == 0
    assert [row[column] for row in sound] == ["", "0.0", "", "0.25", "", "0.5"]
