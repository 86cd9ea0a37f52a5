"""Zip files: written in pieces as they grow, and read without trusting what they say."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, cast

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMED: Final = ".csv"
KEPT: Final = (".yaml", ".hbs")

_DATE: Final = (1980, 1, 1, 0, 0, 0)
_LEVEL: Final = 3
"""Half the time of the usual level for a twentieth more bytes."""

_END: Final = b"PK\x05\x06"
_END_SIZE: Final = 22
_LONGEST_COMMENT: Final = 65_535
_ZIP64: Final = b"PK\x06\x07"
_ZIP64_SIZE: Final = 20
_ENCRYPTED: Final = 0x1
_PIECE: Final = 1_000_000
"""Bytes that are unpacked at a time: a file may hold a thousand times what it says."""
_LONGEST_LINE: Final = 10_000_000
"""Characters; a table's longest row is written in fewer."""
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    ValueError,
    UnicodeError,
    struct.error,
    OverflowError,
)


class _Sink(io.RawIOBase):
    """Takes what is written until somebody fetches it."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._waiting += piece
        return len(piece)

    def taken(self) -> bytes:
        piece = bytes(self._waiting)
        self._waiting.clear()
        return piece


class ZipWriter:
    """A zip file in the making; the same files in the same order give the same bytes."""

    def __init__(self) -> None:
        self._sink = _Sink()
        file = cast("IO[bytes]", self._sink)
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)

    def add(self, path: str, text: str) -> None:
        """Add a file of one piece."""
        with self.file(path) as file:
            file.write(text.encode())

    @contextmanager
    def file(self, path: str) -> Iterator[IO[bytes]]:
        """Add a file that is written in pieces."""
        info = zipfile.ZipInfo(path, _DATE)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = (stat.S_IFREG | 0o644) << 16
        with self._zip.open(info, "w", force_zip64=True) as file:
            yield file

    def taken(self) -> bytes:
        """Return what has been made since the last time."""
        return self._sink.taken()

    def end(self) -> bytes:
        """Finish the file and return the last of it."""
        self._zip.close()
        return self._sink.taken()


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipLimits:
    """What a zip file may be: how many files, and bytes of all and of one when unpacked.

    Files of rows are read line by line and may be larger. All files of resources together may have
    ``text_bytes``, one of them as many.
    """

    files: int = 20_000
    bytes: int = 1_000_000_000
    file_bytes: int = 100_000_000
    text_bytes: int = 250_000_000


class ZipReader:
    """A zip file that somebody sent, of which nothing is ever unpacked to a disk.

    Raises Invalid for one that is broken, encrypted, too large when unpacked, or whose files have
    names that lead elsewhere, stand twice or are links.
    """

    def __init__(self, file: IO[bytes], limits: ZipLimits | None = None) -> None:
        limits = limits or ZipLimits()
        _check_directory(file, limits)
        try:
            self._zip = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise _broken(error) from error
        self._entries = _checked(self._zip.infolist(), limits)

    @property
    def names(self) -> list[str]:
        """The paths of the files, folders left out."""
        return list(self._entries)

    @property
    def size(self) -> int:
        """The bytes of all files when unpacked."""
        return sum(entry.file_size for entry in self._entries.values())

    def read(self, path: str) -> bytes:
        """Return the content of a file; raises Invalid."""
        try:
            with self._zip.open(self._entries[path]) as file:
                return b"".join(iter(partial(file.read, _PIECE), b""))
        except _BROKEN as error:
            raise _broken(error) from error

    def lines(self, path: str) -> Iterator[str]:
        """Yield the lines of a text file as they are, with their ends; raises Invalid."""
        try:
            with self._zip.open(self._entries[path]) as file:
                yield from _lines(io.TextIOWrapper(file, "utf-8", newline=""), path)
        except _BROKEN as error:
            raise _broken(error) from error


def _lines(text: io.TextIOWrapper, path: str) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise Invalid(f"{path} has a line that is too long")
        yield line


def _check_directory(file: IO[bytes], limits: ZipLimits) -> None:
    """Raise Invalid before a directory of a million entries is read."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END_SIZE - _LONGEST_COMMENT - _ZIP64_SIZE))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise Invalid("The bundle is no zip file, or its end is missing")
    (directory_bytes,) = struct.unpack_from("<L", tail, at + 12)
    most = limits.files * (46 + 400)
    if directory_bytes > most or tail[max(0, at - _ZIP64_SIZE) :].startswith(_ZIP64):
        raise Invalid(f"The bundle may have {limits.files} files")
    file.seek(0)


def _checked(entries: list[zipfile.ZipInfo], limits: ZipLimits) -> dict[str, zipfile.ZipInfo]:
    if len(entries) > limits.files:
        raise Invalid(f"The bundle may have {limits.files} files")
    if sum(entry.file_size for entry in entries) > limits.bytes:
        raise Invalid(f"The bundle may have {limits.bytes} bytes when unpacked")
    if sum(each.file_size for each in entries if each.filename.endswith(KEPT)) > limits.text_bytes:
        raise Invalid(f"The texts of the bundle may have {limits.text_bytes} bytes when unpacked")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        _check_entry(entry)
        if entry.file_size > limits.file_bytes and not entry.filename.endswith((STREAMED, *KEPT)):
            raise Invalid(f"A file of the bundle is too large: {entry.filename[:200]}")
        if entry.filename in found:
            raise Invalid(f"A file stands twice in the bundle: {entry.filename[:200]}")
        if not entry.is_dir():
            found[entry.filename] = entry
    return found


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    leads_elsewhere = "\\" in name or ":" in parts[0] or {"", ".", ".."} & set(parts)
    if leads_elsewhere or not name.isprintable():
        raise Invalid(f"A file of the bundle has a bad name: {name[:200]!r}")
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Invalid(f"A file of the bundle is a link or a device: {name[:200]}")
    if entry.flag_bits & _ENCRYPTED:
        raise Invalid("The bundle is encrypted")
    if entry.compress_type not in _METHODS:
        raise Invalid(f"A file of the bundle is packed in an unknown way: {name[:200]}")


def _broken(error: Exception) -> Invalid:
    return Invalid(f"The bundle is a broken zip file: {str(error)[:200]}")
