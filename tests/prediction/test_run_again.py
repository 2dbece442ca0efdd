"""A second `python -m seg.predict` goes on, and ends in what one call makes."""

import numpy as np
import pytest
from PIL import Image

import seg as package
from tests.conftest import seg
from tests.prediction.conftest import (
    CONFIG,
    DATA,
    EVERYTHING,
    KILLED,
    POLYGONS,
    files_in,
    predict,
    street,
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("formats", "sync"), [*((EVERYTHING, number) for number in (8, 1, 20)), (POLYGONS, 8)]
)
def test_killed_and_called_again_is_as_called_once(checkpoint, pictures, tmp_path, formats, sync):
    if formats == POLYGONS:
        pytest.importorskip("shapely")
    (pictures / "a/2.png").write_bytes(b"damaged")
    line = (checkpoint, pictures, formats)
    once = predict(*line, cwd=tmp_path, output="once")
    assert once.returncode == DATA, once.stderr
    killed = predict(*line, cwd=tmp_path, output="twice", fault=f"kill_at_sync:{sync}")
    assert killed.returncode == KILLED, killed.stderr
    partial = files_in(tmp_path / "twice")
    expected = files_in(tmp_path / "once")
    assert partial != expected
    again = predict(*line, cwd=tmp_path, output="twice")
    assert again.returncode == DATA
    assert files_in(tmp_path / "twice") == expected
    third = predict(*line, cwd=tmp_path, output="twice")
    assert third.returncode == DATA
    assert "2.png" in third.stderr
    assert files_in(tmp_path / "twice") == expected


def times_of(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}


def test_what_is_done_is_not_done_again(checkpoint, pictures, tmp_path):
    assert predict(checkpoint, pictures, cwd=tmp_path).returncode == 0
    first = times_of(tmp_path / "out")
    changed = tmp_path / "out/a/0.png"
    Image.fromarray(street(7)).save(pictures / "a/0.png")
    (tmp_path / "out/b/1_overlay.png").unlink()
    assert predict(checkpoint, pictures, cwd=tmp_path).returncode == 0
    second = times_of(tmp_path / "out")
    redone = {path.name for path in first if first[path] != second[path]}
    assert redone == {"0.png", "0_overlay.png", "1.png", "1_overlay.png"}
    with Image.open(changed) as label:
        expected = package.load_model(checkpoint).predict(street(7))
        np.testing.assert_array_equal(np.asarray(label), expected)
    assert predict(checkpoint, pictures, "skip_existing=false", cwd=tmp_path).returncode == 0
    assert all(second[path] != time for path, time in times_of(tmp_path / "out").items())


@pytest.mark.slow
def test_parts_do_not_stay_and_are_made_again_where_they_are_needed(checkpoint, pictures, tmp_path):
    line = (checkpoint, pictures, "formats=[labels,coco,areas]")
    assert predict(*line, cwd=tmp_path).returncode == 0
    assert not list((tmp_path / "out").glob(".parts*"))
    first, times = files_in(tmp_path / "out"), times_of(tmp_path / "out")
    assert predict(*line, cwd=tmp_path).returncode == 0
    assert files_in(tmp_path / "out") == first
    assert times_of(tmp_path / "out") == times
    Image.fromarray(street(6)).save(pictures / "a" / "6.png")
    assert predict(*line, cwd=tmp_path).returncode == 0
    assert predict(*line, cwd=tmp_path, output="anew").returncode == 0
    assert files_in(tmp_path / "out") == files_in(tmp_path / "anew")
    (tmp_path / "out" / "annotations.json").unlink()
    assert predict(*line, cwd=tmp_path).returncode == 0
    assert files_in(tmp_path / "out") == files_in(tmp_path / "anew")


@pytest.mark.slow
def test_an_address_holds_what_a_folder_would(checkpoint, pictures, tmp_path):
    """`file://` stands for an object store: it is reached by the same calls."""
    whole = predict(checkpoint, pictures, EVERYTHING, cwd=tmp_path, output="whole")
    assert whole.returncode == 0, whole.stderr
    line = (EVERYTHING, f"output=file://{tmp_path}/store", "num_shards=2", "device=cpu")
    for shard, fault in ((0, "kill_at_sync:5"), (0, None), (1, None), (1, None)):
        place = (f"checkpoint={checkpoint}", f"input=file://{pictures}", f"shard={shard}")
        done = seg("predict", *place, *line, cwd=tmp_path, fault=fault)
        assert done.returncode == (KILLED if fault else 0), done.stderr
    found, expected = files_in(tmp_path / "store"), files_in(tmp_path / "whole")
    assert {found.pop(f"manifest.{n}-of-2.jsonl").splitlines()[0] for n in range(2)} == {
        expected.pop("manifest.jsonl").splitlines()[0]
    }
    assert found == expected
    same = seg("predict", *place, "num_shards=2", f"output=file://{pictures}", cwd=tmp_path)
    assert same.returncode == CONFIG
    assert "choose another directory" in same.stderr
