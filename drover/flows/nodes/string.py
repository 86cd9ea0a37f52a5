"""String: one method on a text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Each
from drover.flows.language import to_number
from drover.flows.language.numbers import WHITE_SPACE
from drover.flows.language.text import find_units
from drover.flows.node import Node
from drover.flows.settings import templates_of
from drover.flows.visit import MOST_PAYLOAD_BYTES, Thrown, too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

LONGEST: Final = 1000
"""Of a padding or a cut, and the last position a search may begin at."""

_DEFAULT_CUT: Final = 30
_OMISSION: Final = "..."


def _compile(settings: Settings) -> Action | None:
    source = settings.template("sourceData")
    if settings.config.get("sourceData") is None:
        settings.flaw("sourceData", "Source is required", missing=True)
    name = settings.literal("method", choices=_METHODS)
    if not name:
        settings.flaw("method", "Method is required", missing=True)
    arguments = templates_of(settings, "methodArgs")
    write = settings.writer("resultPath", required=True, fresh=True)
    method = _METHODS.get(name)
    if method is None or write is None:
        return None

    def act(visit: Visit) -> int:
        payload = visit.payload
        write(visit, method(source(payload), _rendered(arguments, payload)))
        return 0

    return Each(act)


def _rendered(arguments: list[Callable[[Any], str]], payload: Any) -> list[str]:
    given: list[str] = []
    size = 0
    for argument in arguments:
        given.append(argument(payload))
        size += len(given[-1])
        _check_size(size)
    return given


def _check_size(size: int) -> None:
    """Throw for a text that would not fit a payload, before it takes up memory."""
    if size > MOST_PAYLOAD_BYTES:
        raise too_large("The text")


def _at(arguments: list[str], index: int, default: str = "") -> str:
    return arguments[index] if index < len(arguments) else default


def _number(text: str, what: str) -> float:
    value = to_number(text) if text.strip() else math.nan
    if math.isnan(value):
        raise Thrown("Validation", f"{what} must be a number")
    return float(value)


def _length(text: str, what: str) -> int:
    value = _number(text, what)
    if not 0 <= value <= LONGEST:
        raise Thrown("Validation", f"{what} must be from 0 to {LONGEST}")
    return int(value)


def _split(text: str, arguments: list[str]) -> list[str]:
    separator = _at(arguments, 0)
    return text.split(separator) if separator else list(text)


def _replace(text: str, arguments: list[str], count: int) -> str:
    search, replacement = _at(arguments, 0), _at(arguments, 1)
    if not search:
        return text
    found = text.count(search) if count < 0 else count
    _check_size(len(text) + found * (len(replacement) - len(search)))
    return text.replace(search, replacement, count)


def _index_of(text: str, arguments: list[str]) -> int:
    start = _at(arguments, 1)
    return find_units(text, _at(arguments, 0), _length(start, "The start") if start else 0)


def _to_number(text: str, _arguments: list[str]) -> Any:
    value = to_number(text)
    return None if math.isnan(value) else value


def _fill(arguments: list[str], size: int) -> str:
    pattern = _at(arguments, 1) or " "
    return (pattern * (size // len(pattern) + 1))[:size]


def _missing(text: str, arguments: list[str]) -> int:
    return max(0, _length(_at(arguments, 0), "The length") - len(text))


def _pad(text: str, arguments: list[str]) -> str:
    missing = _missing(text, arguments)
    left = missing // 2
    return _fill(arguments, left) + text + _fill(arguments, missing - left)


def _pad_start(text: str, arguments: list[str]) -> str:
    return _fill(arguments, _missing(text, arguments)) + text


def _pad_end(text: str, arguments: list[str]) -> str:
    return text + _fill(arguments, _missing(text, arguments))


def _truncate(text: str, arguments: list[str]) -> str:
    asked = to_number(_at(arguments, 0)) if _at(arguments, 0).strip() else _DEFAULT_CUT
    if math.isnan(asked):
        return text
    length = _DEFAULT_CUT if asked <= 0 else int(min(asked, LONGEST))
    if len(text) <= length:
        return text
    omission = _at(arguments, 1, _OMISSION)
    return text[: max(0, length - len(omission))] + omission


_METHODS: Final[dict[str, Callable[[str, list[str]], Any]]] = {
    "split": _split,
    "replaceFirst": lambda text, arguments: _replace(text, arguments, 1),
    "replaceAll": lambda text, arguments: _replace(text, arguments, -1),
    "indexOf": _index_of,
    "toUpper": lambda text, _: text.upper(),
    "toLower": lambda text, _: text.lower(),
    "trim": lambda text, _: text.strip(WHITE_SPACE),
    "trimStart": lambda text, _: text.lstrip(WHITE_SPACE),
    "trimEnd": lambda text, _: text.rstrip(WHITE_SPACE),
    "toNumber": _to_number,
    "concat": lambda text, arguments: text + "".join(arguments),
    "pad": _pad,
    "padStart": _pad_start,
    "padEnd": _pad_end,
    "truncate": _truncate,
}

NODE = Node(type="StringNode", name="string", category="logic", compile=_compile)
