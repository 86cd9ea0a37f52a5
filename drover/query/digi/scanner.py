"""From the text of a query to its pieces.

Most of a query is conditions of a field, an operator and a value, so one match takes in a whole
one: that is what makes parsing quick. What is not such a condition comes as single tokens.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from drover.query.digi.faults import BadQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Piece: TypeAlias = tuple[str, str, int]
"""What it is, its value (of a text what it says, else as written), its 0-based position."""

WORD: Final = "WORD"
AND: Final = "AND"
OR: Final = "OR"
NOT: Final = "NOT"
SIGN: Final = "SIGN"  #: a comparison sign, or a word that compares
TEXT: Final = "TEXT"
NUMBER: Final = "NUMBER"
TIME: Final = "TIME"  #: relative to now
OPEN: Final = "OPEN"
CLOSE: Final = "CLOSE"
COMMA: Final = "COMMA"
END: Final = "END"
CONDITION: Final = "CONDITION"
"""A field, a sign and a value in one, see ``Scanned.condition``."""

_NAME: Final = "[A-Za-z_][A-Za-z0-9_.]*"
_TEXT: Final = "'(?:[^']|'')*+'"
_TIME: Final = r"[+-]?[0-9]+[smhdwSMHDW](?![A-Za-z0-9_.])"
_NUMBER: Final = r"[+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?)"
_SIGN: Final = "<>|<=|>=|=|<|>"
_RESERVED: Final = "and|or|not|in|empty|true|false|startsWith|endsWith|contains"
_COMPARING: Final = "startsWith|endsWith|contains"
_TOKEN: Final = re.compile(
    rf"""\s*(?:
      (?!(?i:{_RESERVED})\b)({_NAME})
      (?: \s*({_SIGN}) | \s+((?i:{_COMPARING}))(?![A-Za-z0-9_.]) )
      \s*(?: (?P<C_TEXT>{_TEXT}) | (?P<C_TIME>{_TIME}) | (?P<C_NUMBER>{_NUMBER}) )
    | (?: (?P<AND>(?i:and)) | (?P<OR>(?i:or)) | (?P<NOT>(?i:not)) )(?![A-Za-z0-9_.])
    | (?P<WORD>{_NAME})
    | (?P<SIGN>{_SIGN})
    | (?P<OPEN>\()
    | (?P<CLOSE>\))
    | (?P<COMMA>,)
    | (?P<TEXT>{_TEXT})
    | (?P<CURLY>[\u2018\u2019][^'\u2018\u2019]*['\u2018\u2019])
    | (?P<TIME>{_TIME})
    | (?P<NUMBER>{_NUMBER})
    | (?P<UNENDED>['\u2018\u2019])
    | (?P<OTHER>\S)
    )""",
    re.VERBOSE,
)
_FIELD_GROUP: Final = 1
_SIGN_GROUP: Final = 2
_WORD_GROUP: Final = 3


class Scanned:
    """The pieces of a query, read one after the other."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._match: Callable[[str, int], re.Match[str] | None] = _TOKEN.match
        self._at: re.Match[str] | None = None
        self.kind = ""
        """What the next piece is."""
        self.advance()

    def advance(self) -> None:
        """Go on to the next piece; raises BadQuery where a text has no end."""
        begin = self._at.end() if self._at is not None else 0
        at = self._match(self._query, begin)
        self._at = at
        if at is None:
            self.kind = END
            return
        name = at.lastgroup or ""
        self.kind = _KINDS[name]
        if self.kind == "UNENDED":
            raise BadQuery(self._query, "unterminated text", at.start(name))

    @property
    def position(self) -> int:
        """Where the next piece begins."""
        return self.piece()[2]

    def piece(self) -> Piece:
        """Return the next piece; of a condition its field."""
        at = self._at
        if at is None:
            return END, "", len(self._query)
        if self.kind == CONDITION:
            return WORD, at[_FIELD_GROUP], at.start(_FIELD_GROUP)
        name = at.lastgroup or ""
        return self.kind, _value(name, at[name]), at.start(name)

    def condition(self) -> tuple[Piece, Piece, Piece]:
        """Return the field, the sign and the value of a condition."""
        at = self._at
        assert at is not None  # noqa: S101 - the next piece is a condition
        group = _SIGN_GROUP if at[_SIGN_GROUP] else _WORD_GROUP
        name = at.lastgroup or ""
        return (
            (WORD, at[_FIELD_GROUP], at.start(_FIELD_GROUP)),
            (SIGN, at[group], at.start(group)),
            (_OPERANDS[name], _value(name, at[name]), at.start(name)),
        )


def _value(name: str, text: str) -> str:
    if name not in _QUOTED:
        return text
    inner = text[1:-1]
    return inner.replace("''", "'") if "'" in inner else inner


_QUOTED: Final = frozenset({"TEXT", "C_TEXT", "CURLY"})
_OPERANDS: Final = {"C_TEXT": TEXT, "C_TIME": TIME, "C_NUMBER": NUMBER}
_KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_OPERANDS, CONDITION),
    **{name: name for name in _TOKEN.groupindex if name not in _OPERANDS},
    "CURLY": TEXT,
}
