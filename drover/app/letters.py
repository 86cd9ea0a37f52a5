"""E-mails that a mail gateway hands in, as workflows see them.

A gateway posts the message as it came (RFC 5322), with the type ``message/rfc822``, to a webhook:
its secret URL is what lets it in. Source: Losant-compatible nodes, section 8 (inboundEmail).
"""

from __future__ import annotations

import base64
import codecs
import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.parser import BytesParser
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any, Final

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

TRIGGER: Final = "inboundEmail"
MEDIA_TYPE: Final = "message/rfc822"

DEFAULT: Final = "default"
"""The key of triggers for e-mails to no particular subaddress."""

MOST_ADDRESSES: Final = 100
"""Of one header; and parts of one message."""

MOST_KEYS: Final = 10
LONGEST_HEADER: Final = 10_000
"""Characters that are looked at of all headers of a name together."""

LONGEST_PARAMETERS: Final = 2000
"""Bytes of a header that says what a part is, with the lines that it goes on in."""

MOST_MULTIPARTS: Final = 30
"""Parts of one message that have parts: each line is compared with the boundaries of all."""

_OF_CONTENT: Final = re.compile(
    rb"(?:\A|(?<=[\r\n]))(content-(?:type|disposition))[ \t]*:"
    rb"([^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*)",
    re.IGNORECASE,
)
_TEXTS: Final = {"text/plain": "text", "text/html": "html"}
_NO_CHARSETS: Final = frozenset(
    {"base64", "bz2", "hex", "idna", "punycode", "quopri", "rot13", "undefined", "uu", "zlib"}
)
"""What decoders are called that are no character sets; one takes minutes for what is long."""

_RECIPIENTS: Final = ("to", "cc", "delivered-to", "x-original-to")


def letter_in(body: bytes) -> tuple[dict[str, Any], list[str]]:
    """Return an e-mail as the ``data`` of a payload, and the keys it is for; raises Invalid.

    Those are its recipients' subaddresses, what follows a plus (``works+pumps@example.com``).
    """
    _check_parameters(body)
    try:
        return _taken_apart(BytesParser().parsebytes(body))
    except (RecursionError, MessageError, ValueError) as error:
        raise Invalid("The e-mail cannot be read") from error


def _taken_apart(message: Message) -> tuple[dict[str, Any], list[str]]:
    data: dict[str, Any] = {
        "subject": _header(message, "subject"),
        "from": next(iter(_addresses(message, "from")), None),
        "to": _addresses(message, "to"),
        "cc": _addresses(message, "cc"),
        "messageId": _header(message, "message-id"),
        "text": None,
        "html": None,
        "attachments": [],
    }
    for part in _parts(message):
        kind = _TEXTS.get(part.get_content_type())
        if kind is not None and data[kind] is None and not part.get_filename():
            data[kind] = _text(part)
        else:
            data["attachments"].append(_attachment(part))
    return data, _keys(message)


def _parts(message: Message) -> Iterator[Message]:
    """Yield the parts that have no parts, in order; a forwarded message counts as its parts."""
    pending = [message]
    found = 0
    while pending and found < MOST_ADDRESSES:
        part = pending.pop()
        inner = part.get_payload()
        if isinstance(inner, list):
            pending += [each for each in reversed(inner) if not isinstance(each, str)]
        else:
            found += 1
            yield part


def _check_parameters(body: bytes) -> None:
    """Raise Invalid for headers that take too long to be taken apart, which reading does at once.

    It looks at every line that could be such a header, whatever it is in the end.
    """
    multiparts = 0
    for name, value in _OF_CONTENT.findall(body):
        if len(value) > LONGEST_PARAMETERS:
            raise Invalid(f"The header {name.decode().lower()} of the e-mail is too long")
        multiparts += b"multipart/" in value.lower()
    if multiparts > MOST_MULTIPARTS:
        raise Invalid(f"An e-mail may have {MOST_MULTIPARTS} parts that have parts")


def _header(message: Message, name: str) -> str:
    return _decoded(str(message.get(name, "")))


def _decoded(text: str) -> str:
    """Return what a header says; one that cannot be decoded stays as it is."""
    text = text[:LONGEST_HEADER]
    try:
        words = decode_header(text)
        if all(charset is None or _is_charset(charset) for _, charset in words):
            return str(make_header(words))
    except (MessageError, ValueError, LookupError):
        pass
    return text


def _addresses(message: Message, name: str) -> list[dict[str, str]]:
    given = ", ".join(map(str, message.get_all(name, [])[:MOST_ADDRESSES]))
    found = [pair for pair in getaddresses([given[:LONGEST_HEADER]]) if pair[1]]
    return [{"name": _decoded(of), "address": at} for of, at in found[:MOST_ADDRESSES]]


def _keys(message: Message) -> list[str]:
    found: dict[str, None] = {}
    for name in _RECIPIENTS:
        for each in _addresses(message, name):
            key = each["address"].partition("@")[0].partition("+")[2]
            if key:
                found[key] = None
    return list(found)[:MOST_KEYS] or [DEFAULT]


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message) -> str:
    charset = part.get_content_charset("utf-8")
    return _content(part).decode(charset if _is_charset(charset) else "utf-8", "replace")


def _is_charset(name: str) -> bool:
    """Tell whether something is the name of a character set that is known."""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return found.name not in _NO_CHARSETS


def _attachment(part: Message) -> dict[str, Any]:
    content = _content(part)
    return {
        "fileName": _decoded(part.get_filename() or ""),
        "contentType": part.get_content_type(),
        "encoding": "base64",
        "size": len(content),
        "contents": base64.b64encode(content).decode(),
    }
