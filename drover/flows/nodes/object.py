"""Object: operations on an object, each fed with the result of the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Each
from drover.flows.language import UNDEFINED, to_text
from drover.flows.node import Node
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.actions import Write
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Operation = Callable[[Visit, Any], Any]

MOST_OPERATIONS: Final = 10


def _compile(settings: Settings) -> Action:
    source = settings.path("sourcePath")
    write = settings.writer("destPath")
    entries = settings.items("operations", most=MOST_OPERATIONS, required=True)
    operations = [_operation(entry) for entry in entries]
    if write is None and any(entry.word("type") in _CHANGING for entry in entries):
        settings.flaw("destPath", "Destination path is required", missing=True)

    def act(visit: Visit) -> int:
        value = UNDEFINED if source is None else source.get(visit.payload)
        value = {} if value is UNDEFINED else value
        for operate in operations:
            value = operate(visit, value)
        if write is not None:
            write(visit, value)
        return 0

    return Each(act)


def _operation(entry: Settings) -> Operation:
    kind = entry.word("type")
    write = entry.writer("outputPath", required=kind in _LISTING)
    if kind in _CHANGING:
        change = _CHANGING[kind]
        given = entry.json("inputTemplate", required=True, label="Input")
        return lambda visit, value: change(value, given(visit.payload))
    if kind in _LISTING:
        return _listing(_LISTING[kind], write)
    entry.flaw("type", f"Type must be one of {', '.join(sorted([*_CHANGING, *_LISTING]))}")
    return lambda _visit, value: value


def _listing(make: Callable[[Any], Any], write: Write | None) -> Operation:
    def operate(visit: Visit, value: Any) -> Any:
        made = make(value)
        if write is not None:
            write(visit, made)
        return value

    return operate


def _object(value: Any) -> dict[str, Any]:
    if value.__class__ is not dict:
        raise Thrown("Validation", "Object: the value must be an object")
    return value


def _array(value: Any) -> list[Any]:
    if value.__class__ is not list:
        raise Thrown("Validation", "Object: the value must be an array")
    return value


def _keys(value: Any) -> list[str]:
    return [to_text(key) for key in _array(value)]


def _merged(value: Any, given: Any) -> Any:
    if value.__class__ is not dict or given.__class__ is not dict:
        return given
    merged = dict(value)
    for key, item in given.items():
        merged[key] = _merged(merged[key], item) if key in merged else item
    return merged


def _merge_deep(value: Any, given: Any) -> dict[str, Any]:
    return _object(_merged(_object(value), _object(given)))


def _omit(value: Any, given: Any) -> dict[str, Any]:
    dropped = set(_keys(given))
    return {key: item for key, item in _object(value).items() if key not in dropped}


def _pick(value: Any, given: Any) -> dict[str, Any]:
    source = _object(value)
    return {key: source[key] for key in _keys(given) if key in source}


def _zip_object(value: Any, given: Any) -> dict[str, Any]:
    # With no source the values are missing, each of them.
    values = [] if value == {} else _array(value)
    return dict(zip(_keys(given), values, strict=False))


def _from_pairs(value: Any) -> dict[str, Any]:
    pairs = [_array(pair) for pair in _array(value)]
    return {to_text(pair[0]): pair[1] if len(pair) > 1 else UNDEFINED for pair in pairs if pair}


_CHANGING: Final[dict[Any, Callable[[Any, Any], Any]]] = {
    "assign": lambda value, given: {**_object(value), **_object(given)},
    "mergeDeep": _merge_deep,
    "omit": _omit,
    "pick": _pick,
    "zipObject": _zip_object,
}

_LISTING: Final[dict[Any, Callable[[Any], Any]]] = {
    "keys": lambda value: list(_object(value)),
    "values": lambda value: list(_object(value).values()),
    "entries": lambda value: [[key, item] for key, item in _object(value).items()],
    "fromPairs": _from_pairs,
}

NODE = Node(type="ObjectNode", name="object", category="logic", compile=_compile)
