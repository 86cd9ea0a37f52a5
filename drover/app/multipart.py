"""Forms of several parts: files and fields alike, with a filename or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS: Final = 100
LONGEST_HEADER: Final = 4096
_PLAIN: Final = "text/plain"


class BrokenForm(Invalid):
    """What should be a form of parts is none, or cannot be read."""


class Part(NamedTuple):
    """One part; its name and its file name are empty where there are none."""

    name: str
    file_name: str
    media_type: str
    content: bytes


def parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the content of each part by its name; raises Invalid."""
    return {name: content for name, (_, content) in named_parts(content_type, body).items()}


def named_parts(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """Return the file name and the content of each part; raises Invalid, for two of a name too."""
    found: dict[str, tuple[str, bytes]] = {}
    for each in all_parts(content_type, body):
        if not each.name or each.name in found:
            raise Invalid("Each part of the form needs a name of its own")
        found[each.name] = each.file_name, each.content
    return found


def all_parts(content_type: str, body: bytes, most: int = MOST_PARTS) -> list[Part]:
    """Return the parts in their order; raises BrokenForm, and Invalid for too many.

    No part is read by the library of e-mails: what it takes for a long header grows with the square
    of its length.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise BrokenForm("The body must be multipart/form-data")
    form = _Form(most)
    try:
        parser = MultipartParser(boundary, form.callbacks)
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, ValueError) as error:
        raise BrokenForm(f"The body is not valid multipart/form-data: {error}") from error
    if not form.ended:
        raise BrokenForm("The body ends in the middle of a part")
    return form.found


class _Form:
    """Collects the parts as a parser finds them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.found: list[Part] = []
        self.ended = False
        self._name = ""
        self._file_name = ""
        self._type = _PLAIN
        self._header = bytearray()
        self._value = bytearray()
        self._content: list[bytes] = []
        self.callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._take_header,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.found) >= self._most:
            raise Invalid(f"The form may have {self._most} parts")
        self._name = self._file_name = ""
        self._type = _PLAIN
        self._content = []

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_header()

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header) + len(self._value) > LONGEST_HEADER:
            raise BrokenForm("A part of the form has too long a header")

    def _end_header(self) -> None:
        header = self._header.lower()
        if header == b"content-type":
            self._type = parse_options_header(bytes(self._value))[0].decode("latin-1") or _PLAIN
        if header == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            self._file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._header.clear()
        self._value.clear()

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def _end(self) -> None:
        content = b"".join(self._content)
        self.found.append(Part(self._name, self._file_name, self._type, content))

    def _finish(self) -> None:
        self.ended = True
