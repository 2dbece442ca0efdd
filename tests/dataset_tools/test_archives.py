"""Every trick of an archive is refused, and what is refused leaves no folder."""

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile

import pytest

from seg.dataset_tools.archives import Limits, unpack
from seg.dataset_tools.atomic_directory import atomic_directory
from seg.errors import DataError

SMALL = Limits(entries=20, total_bytes=3 * 2**20, ratio=50)


def tar_of(path, *members, mode="w:gz"):
    """Members are (name, content) or a TarInfo."""
    with tarfile.open(path, mode) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            name, content = member
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def zip_of(path, *members, compression=zipfile.ZIP_DEFLATED):
    """Members are (name or ZipInfo, content)."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            info.compress_type = compression
            file.writestr(info, content)
    return path


def archive_of(kind, path, *members):
    if kind == "zip":
        return zip_of(path, *members)
    return tar_of(path, *members, mode="w:gz" if kind == "tar.gz" else "w")


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def refusal(archive, tmp_path, limits=SMALL, inner=""):
    target = tmp_path / "root"
    with pytest.raises(DataError) as caught, atomic_directory(target) as folder:
        unpack(archive, folder, limits=limits, inner=inner)
    assert not target.exists()
    assert not (tmp_path / ".root.partial").exists()
    assert archive.name in str(caught.value)
    return caught.value


def files_in(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


KINDS = pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])


@KINDS
def test_files_and_folders_come_out(kind, tmp_path):
    archive = archive_of(
        kind, tmp_path / "data", ("./a/x.png", b"one"), ("a/b/y.png", b"two" * 999), ("z.txt", b"")
    )
    with atomic_directory(tmp_path / "root") as folder:
        assert unpack(archive, folder, limits=SMALL) == 3
    expected = {"a/x.png": b"one", "a/b/y.png": b"two" * 999, "z.txt": b""}
    assert files_in(tmp_path / "root") == expected


@KINDS
def test_an_inner_folder_becomes_the_root(kind, tmp_path):
    members = ("v/w/x.png", b"one"), ("v/w/k/y.png", b"two"), ("v/other.txt", b"three")
    archive = archive_of(kind, tmp_path / "data", *members)
    with atomic_directory(tmp_path / "root") as folder:
        assert unpack(archive, folder, limits=SMALL, inner="v/w") == 2
    assert files_in(tmp_path / "root") == {"x.png": b"one", "k/y.png": b"two"}
    assert "no files in v/k" in str(refusal(archive, tmp_path / "2", inner="v/k"))


def test_folders_of_a_tar_come_along_and_modes_do_not(tmp_path):
    top, empty = special("v", tarfile.DIRTYPE), special("v/empty", tarfile.DIRTYPE)
    file = tarfile.TarInfo("v/set_uid")
    file.mode, file.uid, file.mtime = 0o6777, 1234, 1
    archive = tar_of(tmp_path / "data", top, empty, file)
    with atomic_directory(tmp_path / "root") as folder:
        unpack(archive, folder, limits=SMALL, inner="v")
    assert (tmp_path / "root/empty").is_dir()
    status = (tmp_path / "root/set_uid").stat()
    assert stat.S_IMODE(status.st_mode) & 0o6111 == 0
    assert status.st_mtime > 1


@KINDS
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("C:/windows/x", "absolute"),
        ("\\\\host\\x", "absolute"),
        ("../up.txt", "leads out"),
        ("a/../../up.txt", "leads out"),
        ("..\\up.txt", "leads out"),
        ("a/\\up.txt", "characters"),
        ("a/line\nbreak", "characters"),
    ],
)
def test_names_that_lead_elsewhere(kind, name, why, tmp_path):
    archive = archive_of(kind, tmp_path / "data", ("good.txt", b"1"), (name, b"2"))
    error = refusal(archive, tmp_path)
    assert error.fault == "refused"
    assert why in str(error)
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


def test_a_name_cut_by_a_zero_byte(tmp_path):
    archive = zip_of(tmp_path / "data", ("a.png!hidden", b"1"))
    archive.write_bytes(archive.read_bytes().replace(b"a.png!", b"a.png\0"))
    assert "characters" in str(refusal(archive, tmp_path))


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
        *(tarfile.GNUTYPE_SPARSE, b"Z"),
    ],
)
def test_links_and_devices_in_a_tar(kind, tmp_path):
    archive = tar_of(tmp_path / "data", ("a", b"1"), special("b", kind, "a"))
    assert "'b' is a link or a device" in str(refusal(archive, tmp_path))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices_in_a_zip(kind, tmp_path):
    info = zipfile.ZipInfo("b")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    archive = zip_of(tmp_path / "data", (info, b"/etc/passwd"))
    assert "'b' is a link or a device" in str(refusal(archive, tmp_path))


def test_a_file_behind_a_link_to_elsewhere(tmp_path):
    link = special("door", tarfile.SYMTYPE, str(tmp_path))
    archive = tar_of(tmp_path / "data", link, ("door/planted", b"1"))
    assert "'door' is a link" in str(refusal(archive, tmp_path))
    assert not (tmp_path / "planted").exists()


@KINDS
@pytest.mark.parametrize(
    "names", [("a/x.png", "a/X.PNG"), ("a/x", "A/y"), ("caf\u00e9", "cafe\u0301")]
)
def test_names_that_collide_on_some_systems(kind, names, tmp_path):
    archive = archive_of(kind, tmp_path / "data", *((name, b"1") for name in names))
    assert "are one file on some systems" in str(refusal(archive, tmp_path))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@KINDS
@pytest.mark.parametrize("second", ["a", "./a", "a/b"])
def test_the_same_place_twice(kind, second, tmp_path):
    archive = archive_of(kind, tmp_path / "data", ("a", b"1"), (second, b"2"))
    error = refusal(archive, tmp_path)
    assert error.fault == "refused"
    assert "twice" in str(error) or "a second time" in str(error)


def test_a_second_archive_does_not_replace_the_files_of_the_first(tmp_path):
    first = tar_of(tmp_path / "one", ("a", b"1"))
    second = tar_of(tmp_path / "two", ("a", b"2"))
    (tmp_path / "root").mkdir()
    unpack(first, tmp_path / "root", limits=SMALL)
    with pytest.raises(DataError, match="a second time"):
        unpack(second, tmp_path / "root", limits=SMALL)
    assert files_in(tmp_path / "root") == {"a": b"1"}


@KINDS
def test_too_many_entries(kind, tmp_path):
    archive = archive_of(kind, tmp_path / "data", *((f"{i}", b"") for i in range(21)))
    assert "more than 20 entries" in str(refusal(archive, tmp_path))


@KINDS
def test_too_many_bytes(kind, tmp_path):
    noise = os.urandom(2**20)
    archive = archive_of(kind, tmp_path / "data", *((f"{i}", noise) for i in range(4)))
    assert f"more than {3 * 2**20} bytes unpacked" in str(refusal(archive, tmp_path))


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_file_that_unpacks_to_too_much(kind, tmp_path):
    archive = archive_of(kind, tmp_path / "data", ("a", b"1"), ("bomb", bytes(2**21 + 2**20 // 2)))
    error = refusal(archive, tmp_path)
    assert "'bomb' unpacks to more than 50 times its size" in str(error)


def test_a_header_that_unpacks_to_too_much(tmp_path):
    bomb = special("x", tarfile.XHDTYPE)
    bomb.size = 2**31
    archive = tmp_path / "data"
    with gzip.open(archive, "wb") as file:
        file.write(bomb.tobuf(tarfile.USTAR_FORMAT))
        file.write(bytes(2**22))
    error = refusal(archive, tmp_path)
    assert "unpacks to more than 50 times" in str(error)


def test_sizes_that_are_lies(tmp_path):
    archive = zip_of(tmp_path / "data", ("a", b"1" * 999), compression=zipfile.ZIP_STORED)
    content = archive.read_bytes()
    central = content.rindex(b"PK\1\2")
    for claimed in (5, 2000):
        lie = bytearray(content)
        struct.pack_into("<I", lie, central + 24, claimed)
        archive.write_bytes(lie)
        assert refusal(archive, tmp_path).fault == "damaged"


def test_an_encrypted_file(tmp_path):
    archive = zip_of(tmp_path / "data", ("a", b"1"))
    content = bytearray(archive.read_bytes())
    content[content.rindex(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    assert "'a' is encrypted" in str(refusal(archive, tmp_path))


@KINDS
def test_a_file_cut_short(kind, tmp_path):
    archive = archive_of(kind, tmp_path / "data", ("a", os.urandom(9000)), ("b", os.urandom(9000)))
    archive.write_bytes(archive.read_bytes()[:12_000])
    assert refusal(archive, tmp_path).fault == "damaged"


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_file_with_wrong_bytes(kind, tmp_path):
    archive = archive_of(kind, tmp_path / "data", ("a", os.urandom(9000)))
    content = bytearray(archive.read_bytes())
    content[4000] ^= 255
    archive.write_bytes(content)
    assert refusal(archive, tmp_path).fault == "damaged"


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>" * 99])
def test_no_archive_at_all(content, tmp_path):
    archive = tmp_path / "data"
    archive.write_bytes(content)
    assert refusal(archive, tmp_path).fault in ("damaged", "refused")


def test_a_zip_at_the_end_of_a_tar_is_no_zip(tmp_path):
    inside = zip_of(tmp_path / "inside", ("hidden", b"1")).read_bytes()
    archive = tar_of(tmp_path / "data", ("last.zip", inside), mode="w")
    with atomic_directory(tmp_path / "root") as folder:
        unpack(archive, folder, limits=SMALL)
    assert files_in(tmp_path / "root") == {"last.zip": inside}
