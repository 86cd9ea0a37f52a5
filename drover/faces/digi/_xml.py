"""Documents in XML: elements named as the members of JSON, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

XML: Final = "application/xml;charset=UTF-8"
"""The media type."""

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ODD: Final = re.compile("[^ !-%'-;=?-~]")
_FORBIDDEN: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


def document(root: str, members: Mapping[str, Any]) -> bytes:
    """Return a document with one root element."""
    return f"{_HEAD}{element(root, members)}".encode()


def page(members: Mapping[str, Any], rows: str) -> bytes:
    """Return a list, with what it says of itself before its elements."""
    head = "".join(_inside(members))
    return f"{_HEAD}<result>{head}<list>{rows}</list></result>".encode()


def element(name: str, value: Any) -> str:
    """Return one element."""
    if isinstance(value, str):
        return f"<{name}>{escaped(value)}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{'true' if value else 'false'}</{name}>"
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_inside(value))}</{name}>"
    if isinstance(value, list | tuple):
        items = "".join([element("item", item) for item in value])
        return f"<{name}>{items}</{name}>"
    return f"<{name}>{value}</{name}>"


def escaped(text: str) -> str:
    """Return text as it stands in XML; characters that may not be there become U+FFFD."""
    if not _ODD.search(text):
        return text
    return _FORBIDDEN.sub("\ufffd", text).translate(_ESCAPES)


def _inside(members: Mapping[str, Any]) -> Iterator[str]:
    for name, value in members.items():
        yield element(name, value)
