import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from regraft.data import archives
from regraft.data.archives import archive_stem, extract
from regraft.errors import DataError


def zip_of(path, members):
    """Write a zip file of (name or ZipInfo, bytes) members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def tar_of(path, members, mode="w"):
    """Write a tar file of (TarInfo, bytes) members."""
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def files_in(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in Path(folder).rglob("*") if file.is_file()
    }


def test_zip(tmp_path):
    path = zip_of(tmp_path / "data.zip", [("a/", b""), ("a/b/1.jpg", b"one"), ("win\\2.jpg", b"two")])
    unpacked = extract(path)
    folder = unpacked.path
    assert files_in(folder) == {"a/b/1.jpg": b"one", "win/2.jpg": b"two"}
    assert folder.name.startswith("data.zip-")
    del unpacked
    assert not folder.exists()


@pytest.mark.parametrize(("name", "mode"), [("d.tar", "w"), ("d.tar.gz", "w:gz"), ("d.tgz", "w:gz"),
                                            ("d.tar.bz2", "w:bz2"), ("d.tar.xz", "w:xz")])  # fmt: skip
def test_tar(tmp_path, name, mode):
    directory = tarfile.TarInfo("a")
    directory.type = tarfile.DIRTYPE
    path = tar_of(tmp_path / name, [(directory, b""), (tarfile.TarInfo("a/1.jpg"), b"one")], mode)
    unpacked = extract(path)
    assert files_in(unpacked.path) == {"a/1.jpg": b"one"}
    assert archive_stem(path) == "d"


def test_stem_of_other_names():
    assert archive_stem(Path("a.b.ZIP")) == "a.b"
    assert archive_stem(Path("plain")) == "plain"


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Check that an archive is refused with a message, and that nothing is left of it."""
    outside = tmp_path / "temporary"
    outside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(outside))

    def check(path, message):
        with pytest.raises(DataError, match=message):
            extract(path)
        assert list(outside.iterdir()) == []

    return check


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "\\evil", "C:\\evil", "c:evil", "a\\..\\..\\evil"]
)
def test_members_that_point_outside_are_refused(tmp_path, refused, name):
    refused(zip_of(tmp_path / "a.zip", [("ok", b""), (name, b"x")]), "evil' of the archive .* points outside of it")
    refused(tar_of(tmp_path / "a.tar", [(tarfile.TarInfo(name), b"x")]), "points outside of it")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_tar_are_refused(tmp_path, refused, kind):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    refused(tar_of(tmp_path / "a.tar", [(info, b"")]), "the member 'link' of the archive .* is a link or a device")


def test_links_in_zip_are_refused(tmp_path, refused):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(zip_of(tmp_path / "a.zip", [(info, b"/etc/passwd")]), "the member 'link' .* is a link or a device")


def test_encrypted_archives_are_refused(tmp_path, refused):
    path = zip_of(tmp_path / "a.zip", [("a", b"x")])
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refused(path, "is encrypted: unpack it yourself and give the folder")


def test_what_unpacks_to_too_much_is_refused(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    members = [("a", b"0" * 600), ("b", b"0" * 600)]
    refused(zip_of(tmp_path / "a.zip", members), "unpacks to more than 0.0 GB, the limit here")
    tar = tar_of(tmp_path / "a.tgz", [(tarfile.TarInfo(name), content) for name, content in members], "w:gz")
    refused(tar, "unpacks to more than 0.0 GB")


def test_sizes_that_lie_are_found_out(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    members = iter([("a", 10, io.BytesIO(b"0" * 5000))])
    monkeypatch.setattr(archives, "_zip_members", lambda path, most: members)
    refused(zip_of(tmp_path / "a.zip", []), "unpacks to more than")
    members = iter([("a", 10, io.BytesIO(b"0" * 5))])
    refused(tmp_path / "a.zip", "cannot be unpacked: a has 5 bytes where 10 are announced")


def test_a_full_disk_is_told_before_it_is_full(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(archives, "_SPARE", 10**18)
    refused(zip_of(tmp_path / "a.zip", [("a", b"x")]), "unpacks to more than")


def test_too_many_members_are_refused(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    refused(
        zip_of(tmp_path / "a.zip", [(str(i), b"") for i in range(3)]), "has more than 2 members, the limit for its size"
    )


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.xz"])
def test_damaged_archives_are_refused(tmp_path, refused, name):
    path = tmp_path / name
    path.write_bytes(b"not an archive")
    refused(path, f"the archive .*{name} cannot be unpacked")
    content = bytes(range(256)) * 40
    if name == "a.zip":
        zip_of(path, [("x", content)])
        damaged = bytearray(path.read_bytes())
        damaged[60] ^= 255
        path.write_bytes(damaged)
    else:
        tar_of(path, [(tarfile.TarInfo("x"), content)], {"a.tar": "w", "a.tar.gz": "w:gz", "a.tar.xz": "w:xz"}[name])
        path.write_bytes(path.read_bytes()[: 100 if name != "a.tar" else 4000])
    refused(path, f"the archive .*{name} cannot be unpacked")


def test_one_name_twice_is_refused(tmp_path, refused):
    info = [(tarfile.TarInfo("x"), b"1"), (tarfile.TarInfo("x"), b"2")]
    refused(tar_of(tmp_path / "a.tar", info), "cannot be unpacked: it has two members of one name")


def test_far_more_than_the_archive_s_size_is_refused(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_BYTES", 50_000)
    refused(zip_of(tmp_path / "a.zip", [("a.bmp", bytes(10**6))]), "unpacks to more than 0.0 GB, the limit here")
    monkeypatch.setattr(archives, "ALWAYS_BYTES", 10**6)
    assert files_in(extract(zip_of(tmp_path / "b.zip", [("a.bmp", bytes(10**6))])).path) == {"a.bmp": bytes(10**6)}


def test_a_larger_archive_may_unpack_to_more(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_BYTES", 10)
    noise = bytes(i * i % 251 for i in range(20_000))
    assert files_in(extract(zip_of(tmp_path / "a.zip", [("a.jpg", noise)])).path) == {"a.jpg": noise}


@pytest.mark.parametrize(("make", "name"), [(zip_of, "a.zip"), (tar_of, "a.tar")])
def test_a_crowd_of_empty_files_is_refused(tmp_path, refused, monkeypatch, make, name):
    monkeypatch.setattr(archives, "ALWAYS_MEMBERS", 20)
    monkeypatch.setattr(archives, "LEAST_BYTES", 1000)
    names = [f"{i}.jpg" for i in range(60)]
    members = names if make is zip_of else [tarfile.TarInfo(each) for each in names]
    refused(
        make(tmp_path / name, [(each, b"") for each in members]), r"has more than \d\d members, the limit for its size"
    )


def test_a_name_of_megabytes_is_refused_unread(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(archives, "MAX_HEADER", 100_000)
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=kind) as archive:
            archive.addfile(tarfile.TarInfo("n" * 200_000))
        refused(tmp_path / "a.tar.gz", "cannot be unpacked: a member's name or attributes are too long")


def test_headers_within_headers_are_refused(tmp_path, refused):
    with tarfile.open(tmp_path / "one.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("n" * 200))
    header = (tmp_path / "one.tar").read_bytes()[:1024]
    (tmp_path / "a.tar").write_bytes(header * 3000)
    refused(tmp_path / "a.tar", "cannot be unpacked: its headers contradict each other; copy it anew")


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path, refused):
    refused(zip_of(tmp_path / "a.zip", [("a", b"1"), ("a/b", b"2")]), "it has two members of one name")


def test_the_system_s_words_are_told_without_its_number(tmp_path, refused):
    refused(zip_of(tmp_path / "a.zip", [("n" * 300, b"1")]), "cannot be unpacked: File name too long; copy it anew")
