"""Datasets come from a real HTTP server on this machine, whole or not at all."""

import hashlib
import io
import json
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from seg.data.datasets.oxford_pet import OxfordPet
from seg.dataset_tools import download as preparation
from seg.dataset_tools.download import DOWNLOADS, Archive, Download, download, how_to_get
from seg.errors import ConfigError, DataError
from seg.models.weights import download as fetching
from tests.models.web import Web, running

BY_HAND = ["bdd100k", "camvid", "camvid_original", "cityscapes", "coco_stuff", "mapillary_vistas"]


def png(mode, value):
    file = io.BytesIO()
    Image.new(mode, (6, 4), value).save(file, "PNG" if mode == "L" else "JPEG")
    return file.getvalue()


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


IMAGES = tar_of(
    {f"images/Abyssinian_{number}.jpg": png("RGB", (9, 9, 9)) for number in range(1, 3)}
)
LISTED = b"Abyssinian_1 1 1 1\nAbyssinian_2 1 1 1\n"
ANNOTATIONS = tar_of(
    {
        "annotations/trainval.txt": LISTED,
        "annotations/test.txt": LISTED,
        **{f"annotations/trimaps/Abyssinian_{number}.png": png("L", 1) for number in range(1, 3)},
    }
)


@pytest.fixture
def servers(monkeypatch):
    """Two servers, which together hold a very small Oxford-IIIT Pet."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetching, "_PAUSES_S", (0.01, 0.01))
    with Web() as images, Web() as annotations, running(images), running(annotations):
        images.content, annotations.content = IMAGES, ANNOTATIONS
        archives = tuple(
            Archive(web.url(name), len(web.content), hashlib.sha256(web.content).hexdigest())
            for web, name in ((images, "images.tar.gz"), (annotations, "annotations.tar.gz"))
        )
        monkeypatch.setitem(DOWNLOADS, "oxford_pet", Download(archives, "CC BY-SA 4.0"))
        yield images, annotations


def test_a_dataset_is_fetched_unpacked_and_read(servers, tmp_path):
    root = download("oxford_pet", tmp_path / "pets")
    assert root == tmp_path / "pets"
    dataset = OxfordPet(split="test", root=root)
    assert dataset[0].image.shape == (4, 6, 3)
    assert set(np.unique(dataset[0].label)) <= {0, 1, 255}
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_a_second_call_asks_nobody(servers, tmp_path):
    download("oxford_pet", tmp_path / "pets")
    asked = [len(web.asked) for web in servers]
    download("oxford_pet", tmp_path / "pets")
    assert [len(web.asked) for web in servers] == asked


def test_an_interrupted_download_goes_on(servers, tmp_path):
    images, annotations = servers
    images.cuts = [100]
    annotations.statuses = [404]
    with pytest.raises(DataError, match="HTTP 404"):
        download("oxford_pet", tmp_path / "pets")
    assert not (tmp_path / "pets").exists()
    asked = len(images.asked)
    assert images.asked[-1] is not None  # the rest of it, after the cut
    download("oxford_pet", tmp_path / "pets")
    assert len(images.asked) == asked
    assert len(OxfordPet(split="test", root=tmp_path / "pets")) == 2


def test_another_file_under_the_address_is_refused(servers, tmp_path):
    servers[1].content = IMAGES
    with pytest.raises(DataError, match="not the file that was asked for"):
        download("oxford_pet", tmp_path / "pets")
    assert not (tmp_path / "pets").exists()


def test_an_archive_that_is_refused_leaves_nothing(servers, tmp_path, monkeypatch):
    hostile = tar_of({"../planted": b"1"})
    servers[1].content = hostile
    first = DOWNLOADS["oxford_pet"].archives[0]
    second = Archive(servers[1].url("x"), len(hostile), hashlib.sha256(hostile).hexdigest())
    monkeypatch.setitem(DOWNLOADS, "oxford_pet", Download((first, second), ""))
    with pytest.raises(DataError, match="leads out of the directory"):
        download("oxford_pet", tmp_path / "pets")
    assert [path.name for path in tmp_path.iterdir()] == [".pets.downloads"]


def test_the_inner_folder_becomes_the_root(servers, tmp_path, monkeypatch):
    content = zip_of({"Inner/2016/a.txt": b"1", "Inner/2016/b/c.txt": b"2"})
    servers[0].content = content
    archive = Archive(
        servers[0].url("a.zip"), len(content), hashlib.sha256(content).hexdigest(), "Inner/2016"
    )
    monkeypatch.setitem(DOWNLOADS, "ade20k", Download((archive,), ""))
    root = download("ade20k", tmp_path / "ade")
    assert (root / "a.txt").read_bytes() == b"1"
    assert (root / "b/c.txt").read_bytes() == b"2"


def test_what_is_there_already_is_left_alone(servers, tmp_path):
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets/mine.jpg").write_bytes(b"")
    with pytest.raises(ConfigError, match="was not filled by a download of oxford_pet"):
        download("oxford_pet", tmp_path / "pets")
    assert not servers[0].asked


def test_too_little_room_is_told_before(servers, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(preparation.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match="GiB are free"):
        download("oxford_pet", tmp_path / "pets")
    assert not servers[0].asked


@pytest.mark.parametrize("dataset", BY_HAND)
def test_others_say_how_to_get_them(dataset, tmp_path):
    known = how_to_get(dataset)
    assert known
    with pytest.raises(ConfigError) as caught:
        download(dataset, tmp_path / "root")
    assert f"to get it: {known}" in str(caught.value)
    assert "pascal_voc, ade20k, oxford_pet" in str(caught.value)


def test_a_dataset_without_a_publisher_says_so(tmp_path):
    with pytest.raises(ConfigError, match="nothing to fetch"):
        download("streets", tmp_path / "root")
    for name in ("cityscape", "../data", "files.roots", ""):
        with pytest.raises(ConfigError, match="no dataset"):
            download(name, tmp_path / "root")


def test_every_entry_is_complete_and_has_a_dataset():
    for name, known in DOWNLOADS.items():
        assert how_to_get(name)
        assert known.terms
        for archive in known.archives:
            assert len(bytes.fromhex(archive.sha256)) == 32
            assert archive.size_bytes > 10**6
            assert archive.url.startswith(("https://", "http://"))


def test_the_note_names_what_was_unpacked(servers, tmp_path):
    root = download("oxford_pet", tmp_path / "pets")
    note = json.loads((root / preparation.NOTE_FILE).read_text())
    digests = [archive.sha256 for archive in DOWNLOADS["oxford_pet"].archives]
    assert note == {"dataset": "oxford_pet", "archives": digests}
