"""`python -m seg.predict`, as a user types it."""

import csv
import json
import zipfile

import numpy as np
from PIL import Image

import seg as package
from tests.prediction.conftest import (
    CONFIG,
    DATA,
    EVERYTHING,
    KILLED,
    SIZE,
    altered,
    files_in,
    film,
    predict,
    street,
)


def test_every_kind_of_input_in_one_folder(checkpoint, pictures, tmp_path):
    film(pictures / "clip.avi", frames=3)
    pages = [Image.fromarray(street(number)) for number in range(2)]
    pages[0].save(pictures / "scan.tif", save_all=True, append_images=pages[1:])
    done = predict(checkpoint, pictures, EVERYTHING, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = [
        *(f"{'ab'[n % 2]}/{n}" for n in (0, 2, 4, 1, 3, 5)),
        *(f"clip/00000{n}" for n in range(3)),
        *("scan/page_0001", "scan/page_0002"),
    ]
    endings = (".png", "_overlay.png", ".npz")
    found = files_in(tmp_path / "out")
    shown = {name for name in found if not name.startswith(".")}
    assert shown == {
        *(name + ending for name in names for ending in endings),
        *("manifest.jsonl", "annotations.json", "areas.csv", "values.json"),
    }
    model = package.load_model(checkpoint)
    for number, name in ((1, "b/1"), (0, "scan/page_0001")):
        with Image.open(tmp_path / f"out/{name}.png") as label:
            label_HW = np.asarray(label)
        np.testing.assert_array_equal(label_HW, model.predict(street(number)))
        with np.load(tmp_path / f"out/{name}.npz") as read:
            given = read["probabilities_HWK"]
        of_label = np.take_along_axis(given, label_HW[..., None].astype(int), -1)[..., 0]
        assert (given.max(-1) - of_label).max() < 1e-3  # float16 has ties
    with (tmp_path / "out/areas.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(dict.fromkeys(row["picture"] for row in rows)) == names
    assert sum(int(row["pixels"]) for row in rows) == len(names) * SIZE[0] * SIZE[1]
    read = json.loads((tmp_path / "out/annotations.json").read_text())
    assert sum(each["area"] for each in read["annotations"]) == len(names) * SIZE[0] * SIZE[1]


def test_shards_make_what_one_process_makes(checkpoint, pictures, tmp_path):
    whole = predict(checkpoint, pictures, EVERYTHING, cwd=tmp_path, output="whole")
    assert whole.returncode == 0, whole.stderr
    for shard in (2, 0, 1):
        share = (f"shard={shard}", "num_shards=3")
        done = predict(checkpoint, pictures, EVERYTHING, *share, cwd=tmp_path, output="shared")
        assert done.returncode == 0, done.stderr
        assert "2 of 2 images" in done.stdout + done.stderr
        assert (tmp_path / "shared/areas.csv").exists() == (shard == 1)
    found, expected = files_in(tmp_path / "shared"), files_in(tmp_path / "whole")
    lines = [found.pop(f"manifest.{n}-of-3.jsonl").splitlines() for n in range(3)]
    first, *rest = expected.pop("manifest.jsonl").splitlines()
    assert found == expected
    assert all(each[0] == first for each in lines)
    assert [line for each in lines for line in each[1:]] == rest


def test_a_video_gives_a_video(checkpoint, tmp_path):
    film(tmp_path / "clip.avi", frames=7)
    line = (checkpoint, tmp_path / "clip.avi", "formats=[video,areas]")
    for output, fault in (("once", None), ("twice", "kill_at_sync:9"), ("twice", None)):
        done = predict(*line, "frame_step=2", cwd=tmp_path, output=output, fault=fault)
        assert done.returncode == (KILLED if fault else 0), done.stderr
    once = files_in(tmp_path / "once")
    assert {"clip_overlay.mp4", "areas.csv"} <= set(once)
    assert files_in(tmp_path / "twice") == once


def test_a_camera_is_numbered_on(checkpoint, tmp_path):
    """A stream's address stands for a camera: frames as they come, until it ends."""
    film(tmp_path / "live.avi", frames=5)
    line = (checkpoint, f"webcam:{tmp_path / 'live.avi'}", "formats=[labels,areas]")
    first = predict(*line, "max_frames=2", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    second = predict(*line, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    labels = sorted(path.name for path in (tmp_path / "out").rglob("*.png"))
    assert labels == [f"00000{n}.png" for n in range(7)]
    assert len((tmp_path / "out/areas.csv").read_text().splitlines()) == 1 + 7 * 19
    none = predict(checkpoint, "webcam:99", cwd=tmp_path, output="none")
    assert none.returncode == DATA
    assert "webcam:99: no camera answers" in none.stderr


def test_an_archive_for_the_test_server(checkpoint, tmp_path):
    for city, number in (("berlin", 5), ("bonn", 3)):
        path = tmp_path / f"in/{city}/{city}_000000_00000{number}_leftImg8bit.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(street(number)).save(path)
    done = predict(checkpoint, tmp_path / "in", "formats=[cityscapes]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "out/cityscapes.zip") as archive:
        assert archive.namelist() == [
            "berlin_000000_000005_labelIds.png",
            "bonn_000000_000003_labelIds.png",
        ]


def rolled_ids(content):
    labels = content["seg"]["labels"]
    count = len(labels["names"])
    labels["file_ids"] = [[(at + 5) % count, at] for at in range(count)] + [[255, 255]]


def test_label_files_hold_the_ids_of_the_data_set(checkpoint, pictures, tmp_path):
    path = altered(checkpoint, tmp_path / "rolled.ckpt", rolled_ids)
    labels, source = package.load_model(path).labels, pictures / "a/0.png"
    found = {}
    for kind, words in (("id", "the dataset's ids: 5 "), ("index", "positions in the class list")):
        done = predict(path, source, f"values={kind}", cwd=tmp_path, output=kind)
        assert done.returncode == 0, done.stderr
        assert f"values     {words}" in (done.stdout + done.stderr).splitlines()[0]
        found[kind] = np.asarray(Image.open(tmp_path / kind / "0.png"))
        table = json.loads((tmp_path / kind / "values.json").read_text())
        assert table[3]["id"] == {"id": 8, "index": 3}[kind]
    np.testing.assert_array_equal(found["index"], package.load_model(path).predict(street(0)))
    np.testing.assert_array_equal(labels.encode(found["id"], "0.png"), found["index"])
    mixed = predict(path, source, "values=index", cwd=tmp_path, output="id")
    assert mixed.returncode == CONFIG
    assert "values: there id, now index" in mixed.stderr


def test_results_of_other_choices_are_not_mixed(checkpoint, pictures, tmp_path):
    source = pictures / "a/0.png"
    assert predict(checkpoint, source, cwd=tmp_path).returncode == 0
    other = predict(checkpoint, source, "overlay_opacity=0.2", cwd=tmp_path)
    assert other.returncode == CONFIG
    assert "overlay_opacity: there 0.6, now 0.2" in other.stderr
    assert "skip_existing=false" in other.stderr
    line = ("overlay_opacity=0.2", "skip_existing=false")
    assert predict(checkpoint, source, *line, cwd=tmp_path).returncode == 0
