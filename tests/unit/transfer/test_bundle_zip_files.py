"""Zip files that somebody sent: sound ones are read, everything else is refused."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import warnings
import zipfile

import pytest

from drover.app.transfer.zip_file import ZipLimits, ZipReader, ZipWriter
from drover.model.errors import Invalid


def packed(*files, **more):
    made = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # duplicate names are what is tested
        with zipfile.ZipFile(made, "w", **more) as file:
            for name, content in files:
                file.writestr(name, content)
    return made.getvalue()


def read(content, **limits):
    return ZipReader(io.BytesIO(content), ZipLimits(**limits))


def test_what_was_written_in_pieces_is_read_again():
    writer = ZipWriter()
    writer.add("a.yaml", "name: ä\n")
    first = writer.taken()
    with writer.file("rows/b.csv") as file:
        for number in range(1000):
            file.write(b"%d\n" % number)
    content = first + writer.taken() + writer.end()

    reader = read(content)

    assert reader.names == ["a.yaml", "rows/b.csv"]
    assert reader.read("a.yaml") == "name: ä\n".encode()
    assert list(reader.lines("rows/b.csv"))[-1] == "999\n"
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_the_same_files_give_the_same_bytes():
    def made():
        writer = ZipWriter()
        writer.add("a", "b")
        return writer.end()

    assert made() == made()


def test_folders_are_no_files():
    assert read(packed(("a/", ""), ("a/b", "c"))).names == ["a/b"]


@pytest.mark.parametrize(
    "name",
    ["../a", "a/../../b", "/etc/passwd", "a//b", "./a", "c:/a", "a\\b", "..", "a/./b"],
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(Invalid, match="bad name"):
        read(packed((name, "x")))


def test_links_are_refused():
    link = zipfile.ZipInfo("a")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    with pytest.raises(Invalid, match="link"):
        read(packed((link, "/etc/passwd")))


def test_a_name_that_stands_twice_is_refused():
    with pytest.raises(Invalid, match="twice"):
        read(packed(("a.yaml", "1"), ("a.yaml", "2")))


def test_more_files_than_allowed_are_refused():
    with pytest.raises(Invalid, match="may have 3 files"):
        read(packed(*((str(number), "") for number in range(4))), files=3)


def test_a_directory_of_a_million_files_is_refused_before_it_is_read():
    content = bytearray(packed(("a", "b")))
    struct.pack_into("<L", content, content.rindex(b"PK\x05\x06") + 12, 50_000_000)

    with pytest.raises(Invalid, match="files"):
        read(bytes(content))


def test_a_directory_in_the_large_form_is_refused():
    content = packed(("a", "b"))
    end = content.rindex(b"PK\x05\x06")
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)

    with pytest.raises(Invalid, match="files"):
        read(content[:end] + locator + content[end:])


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = packed(("a", b"\0" * 10_000_000), compression=zipfile.ZIP_DEFLATED)

    with pytest.raises(Invalid, match="when unpacked"):
        read(bomb, bytes=1_000_000)
    with pytest.raises(Invalid, match="too large"):
        read(bomb, file_bytes=1_000_000)


def test_a_file_that_says_it_is_smaller_than_it_is_is_refused():
    content = bytearray(packed(("a", b"\0" * 100_000), compression=zipfile.ZIP_DEFLATED))
    struct.pack_into("<L", content, content.rindex(b"PK\x01\x02") + 24, 10)

    with pytest.raises(Invalid, match="broken"):
        read(bytes(content)).read("a")
    with pytest.raises(Invalid, match="broken"):
        list(read(bytes(content)).lines("a"))


def lying(content):
    """A zip file whose only entry says that it has ten bytes."""
    made = bytearray(packed(("a", content), compression=zipfile.ZIP_DEFLATED))
    struct.pack_into("<L", made, made.rindex(b"PK\x01\x02") + 24, 10)
    return bytes(made)


def peak_of(act):
    """Return how many bytes an act takes that is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(Invalid):
            act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_file_that_lies_about_its_size_is_not_unpacked_as_a_whole():
    reader = read(lying(b"\0" * 50_000_000))

    assert peak_of(lambda: reader.read("a")) < 10_000_000


def test_a_line_that_never_ends_is_not_read_as_a_whole():
    reader = read(packed(("a.csv", b"x" * 200_000_000), compression=zipfile.ZIP_DEFLATED))

    assert peak_of(lambda: list(reader.lines("a.csv"))) < 100_000_000


def test_an_encrypted_file_is_refused():
    content = bytearray(packed(("a", "b")))
    struct.pack_into("<H", content, content.rindex(b"PK\x01\x02") + 8, 1)

    with pytest.raises(Invalid, match="encrypted"):
        read(bytes(content))


def test_a_file_packed_in_a_rare_way_is_refused():
    with pytest.raises(Invalid, match="unknown way"):
        read(packed(("a", "b"), compression=zipfile.ZIP_LZMA))


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100])
def test_what_is_no_zip_file_is_refused(content):
    with pytest.raises(Invalid, match="no zip file"):
        read(content)


def test_every_truncated_file_is_refused():
    content = packed(("a.yaml", "name: x" * 20), ("b.yaml", "y"))

    for length in range(len(content)):
        with pytest.raises(Invalid):
            read(content[:length]).read("a.yaml")


def test_a_file_with_a_damaged_byte_never_fails_otherwise_than_by_refusing():
    content = packed(("a.yaml", "name: x" * 20), compression=zipfile.ZIP_DEFLATED)

    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        try:
            reader = read(bytes(damaged))
            for name in reader.names:
                reader.read(name)
        except Invalid:
            continue


def test_a_line_that_is_no_text_is_refused():
    with pytest.raises(Invalid, match="broken"):
        list(read(packed(("a", b"\xff\xfe"))).lines("a"))
