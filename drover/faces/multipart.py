"""Forms of several parts: files and fields alike, with a filename or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS: Final = 100
LONGEST_HEADER: Final = 4096


def parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the content of each part by its name; raises Invalid."""
    return _form(content_type, body).found


def named_parts(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """Return the file name (empty: none) and the content of each part; raises Invalid."""
    form = _form(content_type, body)
    return {name: (form.file_names[name], content) for name, content in form.found.items()}


def _form(content_type: str, body: bytes) -> _Form:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise Invalid("The body must be multipart/form-data")
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks)
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, ValueError) as error:
        raise Invalid(f"The body is not valid multipart/form-data: {error}") from error
    if not form.ended:
        raise Invalid("The body ends in the middle of a part")
    return form


class _Form:
    """Collects the parts as a parser finds them."""

    def __init__(self) -> None:
        self.found: dict[str, bytes] = {}
        self.file_names: dict[str, str] = {}
        self.ended = False
        self._name = ""
        self._file_name = ""
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
        if len(self.found) >= MOST_PARTS:
            raise Invalid(f"The form may have {MOST_PARTS} parts")
        self._name = self._file_name = ""
        self._content = []

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_header()

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header) + len(self._value) > LONGEST_HEADER:
            raise Invalid("A part of the form has too long a header")

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._name = options.get(b"name", b"").decode("utf-8", "replace")
            self._file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._header.clear()
        self._value.clear()

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def _end(self) -> None:
        if not self._name or self._name in self.found:
            raise Invalid("Each part of the form needs a name of its own")
        self.found[self._name] = b"".join(self._content)
        self.file_names[self._name] = self._file_name

    def _finish(self) -> None:
        self.ended = True
