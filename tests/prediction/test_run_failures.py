"""`python -m seg.predict` with damaged inputs, full disks and refused choices."""

import json

import pytest
from PIL import Image

from tests.prediction.conftest import (
    CONFIG,
    DATA,
    STORAGE,
    altered,
    files_in,
    film,
    noise,
    predict,
    street,
)


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
        (["formats=[]"], [CONFIG, "nothing would be written", "rank=entropy"]),
        (["ranking=entropy"], [CONFIG, "is a section", "ranking.others, ranking.share"]),
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
