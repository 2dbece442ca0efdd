"""`python -m seg.predict` with formats of polygons."""

import json

import pytest

from tests.prediction.conftest import CONFIG, POLYGONS, files_in, predict

pytest.importorskip("shapely")


def test_a_second_call_ends_in_what_one_call_makes(checkpoint, pictures, tmp_path):
    once = predict(checkpoint, pictures / "a", POLYGONS, cwd=tmp_path, output="once")
    assert once.returncode == 0, once.stderr
    assert "regions below min_area_px=16 joined a neighbor" in once.stdout + once.stderr
    expected = files_in(tmp_path / "once")
    labelme = json.loads(expected["0.json"])
    assert labelme["imagePath"] == "../pictures/a/0.png"
    tasks = json.loads(expected["label_studio.json"])
    assert [task["data"]["image"].partition("?d=")[2] for task in tasks] == [
        *("0.png", "2.png", "4.png")
    ]
    for name in ("0.json", "label_studio.json"):
        (tmp_path / "once" / name).unlink()
    again = predict(checkpoint, pictures / "a", POLYGONS, cwd=tmp_path, output="once")
    assert again.returncode == 0, again.stderr
    assert files_in(tmp_path / "once") == expected
    other = predict(
        *(checkpoint, pictures / "a", POLYGONS, "simplify_tolerance_px=1"),
        cwd=tmp_path,
        output="once",
    )
    assert other.returncode == CONFIG
    assert "simplify_tolerance_px: there 2.0, now 1.0" in other.stderr


def test_an_image_must_not_take_the_place_of_the_class_table(checkpoint, pictures, tmp_path):
    (pictures / "a/0.png").rename(pictures / "a/values.png")
    done = predict(checkpoint, pictures / "a", POLYGONS, cwd=tmp_path)
    assert done.returncode == CONFIG
    assert "an image and the class table would become values.json" in done.stderr
