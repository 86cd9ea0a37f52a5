"""Bytes as texts, in the encodings that workflows name."""

from __future__ import annotations

import base64
import binascii
from typing import Final

DEFAULT: Final = "utf8"

_NAMES: Final = {
    "ascii": "ascii",
    "binary": "latin-1",
    "cp1252": "cp1252",
    "iso88591": "latin-1",
    "latin1": "latin-1",
    "ucs2": "utf-16-le",
    "usascii": "ascii",
    "utf16le": "utf-16-le",
    "utf8": "utf-8",
    "windows1252": "cp1252",
}


def encoded(text: str, encoding: str) -> bytes:
    """Return the bytes of a text; raises ValueError, LookupError."""
    if encoding == "base64":
        return base64.b64decode(text)
    if encoding == "hex":
        return binascii.unhexlify(text)
    return text.encode(_name(encoding))


def decoded(body: bytes, encoding: str) -> str:
    """Return the text of bytes; what is no text in an encoding is replaced."""
    if encoding == "base64":
        return base64.b64encode(body).decode()
    if encoding == "hex":
        return body.hex()
    try:
        return body.decode(_name(encoding), "replace")
    except LookupError:
        return body.decode(errors="replace")


def _name(encoding: str) -> str:
    """Return Python's name of an encoding as workflows spell it; raises LookupError.

    Python knows others, some of which take long with hostile texts.
    """
    return _NAMES[encoding.lower().replace("-", "").replace("_", "")]
