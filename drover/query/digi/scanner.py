"""From the text of a query to its tokens."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from drover.query.digi.faults import BadQuery

if TYPE_CHECKING:
    from collections.abc import Iterator


class TokenType(Enum):
    """What a token is."""

    WORD = auto()
    SIGN = auto()  #: a comparison sign
    TEXT = auto()
    NUMBER = auto()
    RELATIVE_TIME = auto()
    OPEN = auto()
    CLOSE = auto()
    OTHER = auto()  #: a character that begins nothing
    END = auto()


class Token(NamedTuple):
    """A token, its 0-based position, and its value: of a text what it says, else as written."""

    type: TokenType
    text: str
    position: int


_PLAIN: Final = re.compile(r"'((?:[^']|'')*)(')?")
_CURLY: Final = re.compile(r"[\u2018\u2019]([^'\u2018\u2019]*)(['\u2018\u2019])?")
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<WORD>[A-Za-z_][A-Za-z0-9_.]*)
    | (?P<SIGN><>|<=|>=|=|<|>)
    | (?P<QUOTE>['\u2018\u2019])
    | (?P<RELATIVE_TIME>[+-]?[0-9]+[smhdwSMHDW])(?![A-Za-z0-9_.])
    | (?P<NUMBER>[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?))
    | (?P<OPEN>\()
    | (?P<CLOSE>\))
    | (?P<OTHER>\S)
    | (?P<END>\Z)
    )""",
    re.VERBOSE,
)


def tokens(query: str) -> Iterator[Token]:
    """Yield the tokens of a query, then END without end; raises BadQuery for open text."""
    position = 0
    while True:
        # One of the branches always fits: what is not white space is at least OTHER.
        match = _TOKEN.match(query, position)
        assert match is not None  # noqa: S101 - as said
        name = match.lastgroup or ""
        if name == "QUOTE":
            token, position = _text(query, match.start(name))
        else:
            token = Token(TokenType[name], match[name], match.start(name))
            position = match.end()
        yield token


def _text(query: str, start: int) -> tuple[Token, int]:
    pattern = _PLAIN if query[start] == "'" else _CURLY
    match = pattern.match(query, start)
    if match is None or match[2] is None:
        raise BadQuery(query, "unterminated text", start)
    return Token(TokenType.TEXT, match[1].replace("''", "'"), start), match.end()
