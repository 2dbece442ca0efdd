"""`python -m seg.predict`, as a user types it."""

import csv
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

import seg as package
from tests.conftest import seg
from tests.prediction.conftest import SIZE, files_in, film, noise, predict, street

CONFIG, DATA, STORAGE, KILLED = 2, 3, 6, -9
EVERYTHING = "formats=[labels,overlay,probabilities,coco,areas]"


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "sync", [8, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 20))]
)
def test_killed_and_called_again_is_as_called_once(checkpoint, pictures, tmp_path, sync):
    (pictures / "a/2.png").write_bytes(b"damaged")
    line = (checkpoint, pictures, EVERYTHING)
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


def test_damaged_inputs_are_named_and_the_rest_is_done(checkpoint, pictures, tmp_path):
    film(pictures / "clip.avi").write_bytes(b"no video")
    (pictures / "b/3.png").write_bytes((pictures / "b/3.png").read_bytes()[:400])
    (pictures / "scan.tif").write_bytes(b"II*\0")
    done = predict(checkpoint, pictures, "formats=[labels,areas]", cwd=tmp_path)
    assert done.returncode == DATA
    assert "3 of 8 images could not be read" in done.stderr
    for name in ("clip.avi", "b/3.png", "scan.tif"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "out").rglob("*.png"))) == 5
    assert len((tmp_path / "out/areas.csv").read_text().splitlines()) == 1 + 5 * 19
    Image.fromarray(street(3)).save(pictures / "b/3.png")
    again = predict(checkpoint, pictures, "formats=[labels,areas]", cwd=tmp_path)
    assert "2 of 8 images could not be read" in again.stderr
    assert (tmp_path / "out/b/3.png").exists()


def test_a_full_disk(checkpoint, pictures, tmp_path):
    line = (checkpoint, pictures, "formats=[probabilities]")
    done = predict(*line, cwd=tmp_path, fault="full_disk:30000")
    assert done.returncode == STORAGE, done.stderr
    assert "make room" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").rglob("*.npz"))
    assert predict(*line, cwd=tmp_path).returncode == 0
    assert len(list((tmp_path / "out").rglob("*.npz"))) == 6


def test_a_name_that_is_too_long_costs_its_own_files_alone(checkpoint, tmp_path):
    """A file system takes 255 bytes: the label fits, what has a longer name does not."""
    long = "b" * 248
    (tmp_path / "in").mkdir()
    for name in ("a", long, "c"):
        Image.fromarray(street(0)).save(tmp_path / f"in/{name}.png")
    choice = "formats=[labels,overlay,probabilities,zarr,coco,areas]"
    for _ in range(2):  # the same again, as it stays undone
        done = predict(checkpoint, tmp_path / "in", choice, cwd=tmp_path)
        assert done.returncode == DATA, done.stderr
        output = done.stdout + done.stderr
        assert f"{long}.png: its name is too long" in output
        assert "for the files of overlay, zarr\n" in output
        assert "make room" not in output
        found = {name for name in files_in(tmp_path / "out") if not name.startswith(".")}
        endings = (".png", "_overlay.png", ".npz", ".zarr.zip")
        assert found == {
            *(f"{name}{ending}" for name in "ac" for ending in endings),
            *(f"{long}.png", f"{long}.npz"),
            *("annotations.json", "areas.csv", "manifest.jsonl", "values.json"),
        }
        assert not list((tmp_path / "out").rglob("*.staged.*"))
    read = json.loads((tmp_path / "out/annotations.json").read_text())
    assert [each["file_name"] for each in read["images"]] == ["a.png", f"{long}.png", "c.png"]
    assert len((tmp_path / "out/areas.csv").read_text().splitlines()) == 1 + 3 * 19


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


def test_pictures_are_never_overwritten(checkpoint, tmp_path):
    for name in ("a.png", "a_overlay.png"):
        Image.fromarray(street(0)).save(tmp_path / name)
    before = (tmp_path / "a.png").read_bytes()
    for source, words in (("a.png", "would be lost"), ("?.png", "would be lost")):
        done = predict(checkpoint, tmp_path / source, cwd=tmp_path, output=".")
        assert done.returncode == CONFIG, done.stderr
        assert words in done.stderr
    twins = predict(checkpoint, tmp_path / "a*.png", cwd=tmp_path)
    assert twins.returncode == CONFIG
    assert "two images would become" in twins.stderr
    assert (tmp_path / "a.png").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["formats=[overlya]"], [CONFIG, "overlya", "did you mean overlay?"]),
        (["formats=[probabilities]", "classes=[cat]"], [CONFIG, "no class 'cat'", "road"]),
        (["formats=[pascal_voc]"], [CONFIG, "none of VOC's"]),
        (["formats=[cityscapes]"], [CONFIG, "0.png", "CITY_SEQUENCE_FRAME"]),
        (["formats=[video]"], [CONFIG, "holds none", "overlay"]),
        (["shard=3", "num_shards=3"], [CONFIG, "shard=3", "0 to 2"]),
        (["backend=slurm"], [CONFIG, "backend", "allowed: local, ray"]),
        (["max_pixels=100"], [DATA, "max_pixels=100", "give a larger max_pixels"]),
    ],
    ids=lambda value: value[0] if isinstance(value[0], str) else "",
)
def test_errors_are_short_and_say_what_to_do(arguments, told, checkpoint, pictures, tmp_path):
    code, *parts = told
    done = predict(checkpoint, pictures / "a/0.png", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.strip().splitlines()) <= 8, done.stderr
    for part in parts:
        assert part in done.stderr + done.stdout


def altered(checkpoint, path, change):
    """The checkpoint with something else in it."""
    content = torch.load(checkpoint, weights_only=True)
    change(content)
    torch.save(content, path)
    return path


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


def without_a_tensor(content):
    content["state_dict"].pop(next(iter(content["state_dict"])))


def test_a_refused_checkpoint_leaves_no_manifest(checkpoint, pictures, tmp_path):
    path = altered(checkpoint, tmp_path / "part.ckpt", without_a_tensor)
    refused = predict(path, pictures, cwd=tmp_path)
    assert refused.returncode in (CONFIG, DATA), refused.stderr
    assert not (tmp_path / "out").exists()
    assert predict(checkpoint, pictures, cwd=tmp_path).returncode == 0
    before = files_in(tmp_path / "out")
    for choice in ("skip_existing=true", "skip_existing=false"):
        refused = predict(path, pictures, choice, cwd=tmp_path)
        assert refused.returncode in (CONFIG, DATA), refused.stderr
        assert files_in(tmp_path / "out") == before


def test_results_of_other_choices_are_not_mixed(checkpoint, pictures, tmp_path):
    source = pictures / "a/0.png"
    assert predict(checkpoint, source, cwd=tmp_path).returncode == 0
    other = predict(checkpoint, source, "overlay_opacity=0.2", cwd=tmp_path)
    assert other.returncode == CONFIG
    assert "overlay_opacity: there 0.6, now 0.2" in other.stderr
    assert "skip_existing=false" in other.stderr
    line = ("overlay_opacity=0.2", "skip_existing=false")
    assert predict(checkpoint, source, *line, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("missing", [1, 600, 15_000])
def test_a_video_that_is_cut_by_a_full_disk_is_no_result(checkpoint, tmp_path, missing):
    source = noise(tmp_path / "clip.avi")
    assert predict(checkpoint, source, "formats=[video]", cwd=tmp_path).returncode == 0
    whole = (tmp_path / "out/clip_overlay.mp4").read_bytes()
    line = (checkpoint, source, "formats=[video]")
    room = f"full_disk:{len(whole) - missing}"
    done = predict(*line, cwd=tmp_path, output="cut", fault=room)
    assert done.returncode == STORAGE, done.stderr
    assert "clip_overlay.mp4: OpenCV has not written the whole mp4v video" in done.stderr
    assert len(done.stderr.splitlines()) <= 6
    assert not (tmp_path / "cut/clip_overlay.mp4").exists()
    done = predict(*line, cwd=tmp_path, output="cut")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cut/clip_overlay.mp4").read_bytes() == whole
    assert not (tmp_path / "cut/.parts").exists()
