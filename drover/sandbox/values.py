"""Payload values on their way into a cage and out of it.

JSON carries all of a payload but Dates and numbers that are not finite. Going in, the places of
these are listed beside the text (the *shape*, the same for most payloads of a batch, so that it is
parsed once). Coming out, each is an object with one key, the *tag*, a random word per request.
"""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from drover.ports.scripts import MEMORY_LIMIT, PAYLOAD_BYTES, TOO_LARGE, ScriptFailure

Path = tuple[str | int, ...]
"""Keys and indexes that lead to a value; the first is `root`."""

Place = tuple[str, Path]
"""What kind of value JSON cannot hold, and where it is."""

Shape = tuple[Place, ...]
"""The places of a payload; empty for one that JSON can hold as it is."""

_PLAIN: Final = frozenset({str, int, bool, type(None)})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OUR_FRAMES: Final = re.compile(r"\n *at apply \(native\)\n *at attempt \(.*", re.DOTALL)
_COMPILE_FRAMES: Final = re.compile(r"\n *at eval \(native\)\n *at compileOne \(.*", re.DOTALL)
_PLACE: Final = re.compile(r"<input>:(\d{1,9})")
_encoder: Final = msgspec.json.Encoder()


class Unfit(Exception):
    """A payload that cannot enter a script; holds the failure to answer."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.failure = ScriptFailure(name, message)


def encode(payload: object) -> tuple[Shape, bytes]:
    """Write a payload as (shape, text). Raises `Unfit`. UNSET is the empty text."""
    if payload is msgspec.UNSET:
        return (), b""
    try:
        text = _text(payload)
    except RecursionError:
        raise Unfit("RangeError", "The payload is nested too deeply") from None
    found = _specials(payload)
    if len(text) > PAYLOAD_BYTES:
        raise Unfit(TOO_LARGE, f"The payload has {len(text)} bytes; a script takes {PAYLOAD_BYTES}")
    return tuple(found), text


def _specials(payload: object) -> list[Place]:
    """Kind and path of every value that JSON cannot hold. The hot path: one look at each value."""
    found: list[Place] = []
    waiting: list[tuple[Path, Any]] = [((), {"root": payload})]
    while waiting:
        path, holder = waiting.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in pairs:
            kind = type(value)
            if kind in _PLAIN:
                continue
            if kind is dict or kind is list or kind is tuple:
                waiting.append(((*path, key), value))
            elif kind is not float or not math.isfinite(value):
                found.append((_kind(value), (*path, key)))
    return found


def _kind(value: object) -> str:
    if isinstance(value, datetime):
        return "Date"
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    raise Unfit("TypeError", f"A {type(value).__name__} is not a payload value")


def _text(payload: object) -> bytes:
    try:
        return _encoder.encode(payload)
    except (OverflowError, UnicodeEncodeError, TypeError):
        return _rare_text(payload)


def _rare_text(payload: object) -> bytes:
    try:
        return json.dumps(_cleaned(payload)).encode()
    except (TypeError, ValueError) as error:
        raise Unfit("TypeError", f"The payload holds what JSON does not know: {error}") from error


def _cleaned(value: Any) -> Any:
    """Rare values in the form that the standard library can write: huge integers, odd text."""
    if isinstance(value, dict):
        return {str(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decode(text: bytes, tag: str, shape: Shape = ()) -> object:
    """Read a result. Dates outside the years 1 to 9999 become None.

    `shape` is that of the payload that went in: marks are looked for at its places first, because
    most results still have their Dates where they were.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        value = json.loads(text)
    marks = text.count(tag.encode())
    if not marks:
        return value
    root = {"root": value}
    if marks != len(shape) or not all(_restore_at(root, path, tag) for _, path in shape):
        _restore(root, tag)
    return root["root"]


def _restore_at(root: Any, path: Path, tag: str) -> bool:
    holder = root
    try:
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = _special(holder[path[-1]][tag])
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _restore(root: dict[str, object], tag: str) -> None:
    waiting: list[Any] = [root]
    while waiting:
        holder = waiting.pop()
        pairs = holder.items() if type(holder) is dict else enumerate(holder)
        for key, value in pairs:
            if isinstance(value, dict) and tag in value:
                holder[key] = _special(value[tag])
            elif isinstance(value, dict | list):
                waiting.append(value)


def _special(mark: Any) -> object:
    """Make the value that a mark stands for; None for what no script of ours can have written."""
    try:
        if isinstance(mark, str):
            return float(mark.replace("Infinity", "inf"))
        return _EPOCH + timedelta(milliseconds=mark)
    except (OverflowError, TypeError, ValueError):
        return None


def decode_failure(body: bytes) -> ScriptFailure:
    """Read what a script threw; places count from the script's own first line."""
    name, message, stack = json.loads(body)
    if name == "InternalError":  # the engine's own, unknown to the language
        name = MEMORY_LIMIT if message == "out of memory" else "RangeError"
    own = _COMPILE_FRAMES.sub("", _OUR_FRAMES.sub("", stack))
    lines = (_PLACE.sub(_script_place, line).strip() for line in own.split("\n"))
    return ScriptFailure(name, message, tuple(line for line in lines if line))


def _script_place(match: re.Match[str]) -> str:
    return f"script:{max(1, int(match[1]) - 1)}"


def decode_logs(logs: bytes) -> tuple[tuple[str, str], ...]:
    """Read the console entries of one run."""
    return tuple((str(level), str(line)) for level, line in json.loads(logs)) if logs else ()
