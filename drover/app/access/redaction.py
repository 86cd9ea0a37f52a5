"""What never gets into a log: secrets in fields, in URLs and in texts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

HIDDEN: Final = "[redacted]"

_NAMES: Final = frozenset(
    {
        "authorization",
        "cookie",
        "currentcredentials",
        "keysecret",
        "newpassword",
        "password",
        "passwordhash",
        "secret",
        "setcookie",
        "token",
        "twofactorcode",
        "userkey",
        "xapikeysecret",
        "xuserkey",
    }
)
_IN_URL: Final = re.compile(
    r"(?i)\b(userkey|token|password|secret|access_token|keysecret)=[^&\s#\"']*"
)
_WORD: Final = re.compile(r"[\w.:/-]*")
"""What has neither an equals sign nor white space in it."""

_PLAIN: Final = frozenset({int, float, bool, type(None)})
"""Types of values that hide nothing."""

_OURS: Final = re.compile(r"drover_[a-z]_[\w-]{8,}")
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")


def redact_text(text: str) -> str:
    """Return a text, such as a URL, with the secrets in it hidden.

    Most texts of a log are single words, in which none of these can be: they are looked at once.
    """
    if not _WORD.fullmatch(text):
        text = _IN_URL.sub(rf"\1={HIDDEN}", text)
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    return _OURS.sub(HIDDEN, text) if "drover_" in text else text


def redact(value: Any) -> Any:
    """Return a value, nested as it may be, with secrets hidden by name and by form."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {name: HIDDEN if _is_secret(name) else redact(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(redact(each) for each in value)
    return value


def redact_event(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Hide secrets in a log line: a processor of structlog."""
    return {
        name: HIDDEN if _is_secret(name) else value if type(value) in _PLAIN else redact(value)
        for name, value in event.items()
    }


@lru_cache(maxsize=1024)
def _is_secret(name: object) -> bool:
    return isinstance(name, str) and name.lower().replace("-", "").replace("_", "") in _NAMES
