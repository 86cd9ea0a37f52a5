"""The rules of the array node: each takes the working array and gives a new one and a result."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import (
    UNDEFINED,
    RenderLimit,
    parse_json,
    strict_equal,
    to_number,
    to_text,
    truthy,
)
from drover.flows.language.numbers import plain
from drover.flows.ordering import identity, ordered
from drover.flows.visit import MOST_PAYLOAD_BYTES, Thrown, too_large

if TYPE_CHECKING:
    from drover.flows.language import Path
    from drover.flows.settings import Settings

Values = list[Any]
Apply = Callable[[Values, Any], tuple[Values, Any]]
"""From the working array and the payload to the new working array and what goes to the output."""

MOST_ELEMENTS: Final = 10_001
"""Of an array that a rule makes longer by writing past its end."""

MOST_FILTER_WORK: Final = 25_000_000
"""Units of work of a filter, as they are counted for templates: some seconds."""

_LONE: Final = re.compile(r"\s*\{\{\{?\s*(?:[^{}\s\[\]]|\[[^\]]*\])+\s*\}?\}\}\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule ready to apply; ``mutates`` tells that it changes the working array."""

    apply: Apply
    mutates: bool
    has_output: bool


def compile_rule(entry: Settings) -> Rule | None:
    """Compile one rule; None when its type is unknown, which is reported."""
    kind = entry.word("type")
    known = _RULES.get(kind)
    if known is None:
        entry.flaw("type", f"Type must be one of {', '.join(sorted(_RULES))}")
        return None
    make, mutates, output = known
    return Rule(make(entry), mutates=mutates, has_output=output)


def output_required(kind: Any) -> bool:
    """Tell whether rules of a type are useless without an output path."""
    known = _RULES.get(kind)
    return known is not None and known[2] and not known[1]


def _input(entry: Settings, *, required: bool = True) -> Callable[[Any], Any]:
    """Return the input: a lone reference's value, text that is JSON parsed, other text as it is."""
    source = entry.config.get("inputTemplate")
    render = entry.value("inputTemplate")
    if required and source is None:
        entry.flaw("inputTemplate", "Input is required", missing=True)
    if isinstance(source, str) and _LONE.fullmatch(source):
        return render
    return lambda payload: _parsed(render(payload))


def _parsed(value: Any) -> Any:
    if value.__class__ is not str:
        return value
    try:
        return parse_json(value)
    except (ValueError, RenderLimit):
        return value


def _index(entry: Settings) -> Callable[[Any], int]:
    text = entry.template("indexTemplate", required=True)
    return lambda payload: _whole(text(payload))


def _whole(text: str) -> int:
    value = to_number(text) if text.strip() else math.nan
    if not math.isfinite(value) or value != int(value):
        raise Thrown("Validation", "Index must be a whole number")
    return int(value)


def _element_path(entry: Settings) -> Path | None:
    return entry.path("inputTemplate", required=True, label="Input")


def _changing(change: Callable[[Values], Values]) -> Callable[[Settings], Apply]:
    """Return the maker of a rule without settings that replaces the working array."""
    return lambda _entry: lambda values, _payload: (change(values), UNDEFINED)


def _compact(values: Values) -> Values:
    return [value for value in values if truthy(value)]


def _deduplicate(values: Values) -> Values:
    return _first_of_each(values, values)


def _first_of_each(values: Values, keys: Values) -> Values:
    seen: set[Any] = set()
    kept: Values = []
    for value, key in zip(values, map(identity, keys), strict=True):
        if key is None or key not in seen:
            kept.append(value)
            seen.add(key)
    return kept


def _flatten(values: Values) -> Values:
    flat: Values = []
    pending = [iter(values)]
    while pending:
        for value in pending[-1]:
            if value.__class__ is list:
                pending.append(iter(value))
                break
            flat.append(value)
        else:
            pending.pop()
    return flat


def _concat(entry: Settings) -> Apply:
    given = _input(entry)

    def apply(values: Values, payload: Any) -> tuple[Values, Any]:
        more = given(payload)
        added = more if more.__class__ is list else [more]
        # Each element takes two characters of a payload at least.
        if 2 * (len(values) + len(added)) > MOST_PAYLOAD_BYTES:
            raise too_large("The array")
        return [*values, *added], UNDEFINED

    return apply


def _by_path(make: Callable[[Values, Values], Any]) -> Callable[[Settings], Apply]:
    """Return the maker of a rule that looks at a path within each element."""

    def compile_by(entry: Settings) -> Apply:
        path = _element_path(entry)

        def apply(values: Values, _payload: Any) -> tuple[Values, Any]:
            keys = [UNDEFINED if path is None else path.get(value) for value in values]
            return values, make(values, keys)

        return apply

    return compile_by


def _name(key: Any) -> str:
    if key is UNDEFINED:
        return "undefined"
    return "null" if key is None else to_text(key)


def _group(values: Values, keys: Values) -> dict[str, Values]:
    groups: dict[str, Values] = {}
    for value, key in zip(values, keys, strict=True):
        groups.setdefault(_name(key), []).append(value)
    return groups


def _key(values: Values, keys: Values) -> dict[str, Any]:
    return {_name(key): value for value, key in zip(values, keys, strict=True)}


def _filter(entry: Settings) -> Apply:
    test = entry.weighed_expression("inputTemplate")

    def apply(values: Values, payload: Any) -> tuple[Values, Any]:
        context = {"array": values, "payload": payload}
        kept: Values = []
        left = MOST_FILTER_WORK
        for index, value in enumerate(values):
            holds, work = test({**context, "value": value, "index": index})
            left -= work
            if left < 0:
                raise RenderLimit("The filter does too much work")
            if truthy(holds):
                kept.append(value)
        return values, kept

    return apply


def _index_of(entry: Settings) -> Apply:
    given = _input(entry)

    def apply(values: Values, payload: Any) -> tuple[Values, Any]:
        wanted = given(payload)
        found = (index for index, value in enumerate(values) if strict_equal(value, wanted))
        return values, next(found, -1)

    return apply


def _insert_at(entry: Settings) -> Apply:
    given, index = _input(entry), _index(entry)

    def apply(values: Values, payload: Any) -> tuple[Values, Any]:
        changed = values.copy()
        changed.insert(index(payload), given(payload))
        return changed, UNDEFINED

    return apply


def _lookup_at(entry: Settings) -> Apply:
    index = _index(entry)
    return lambda values, payload: (values, _at(values, index(payload)))


def _at(values: Values, index: int) -> Any:
    return values[index] if -len(values) <= index < len(values) else UNDEFINED


def _remove_at(entry: Settings) -> Apply:
    index = _index(entry)
    return lambda values, payload: _without(values, index(payload))


def _without(values: Values, index: int) -> tuple[Values, Any]:
    if not -len(values) <= index < len(values):
        return values, UNDEFINED
    changed = values.copy()
    return changed, changed.pop(index)


def _replace_at(entry: Settings) -> Apply:
    given, index = _input(entry), _index(entry)

    def apply(values: Values, payload: Any) -> tuple[Values, Any]:
        at = index(payload)
        position = at + len(values) if at < 0 else at
        if not 0 <= position < max(MOST_ELEMENTS, len(values)):
            raise Thrown("Validation", f"Index must be from 0 to {MOST_ELEMENTS - 1}")
        old = _at(values, position)
        changed = values + [None] * (position + 1 - len(values))
        changed[position] = given(payload)
        return changed, old

    return apply


def _push(entry: Settings) -> Apply:
    given = _input(entry)
    return lambda values, payload: ([*values, given(payload)], UNDEFINED)


def _unshift(entry: Settings) -> Apply:
    given = _input(entry)
    return lambda values, payload: ([given(payload), *values], UNDEFINED)


def _slice(entry: Settings) -> Apply:
    start, end = entry.template("inputTemplate"), entry.template("indexTemplate")

    def apply(values: Values, payload: Any) -> tuple[Values, Any]:
        first, last = start(payload), end(payload)
        low = _whole(first) if first.strip() else None
        high = _whole(last) if last.strip() else None
        return values[low:high], UNDEFINED

    return apply


def _order(entry: Settings) -> bool:
    order = entry.literal("order", default="ascending", choices=("ascending", "descending"))
    return order == "descending"


def _sort(entry: Settings) -> Apply:
    descending = _order(entry)
    return lambda values, _payload: (values, ordered(values, values, descending=descending))


def _sort_by(entry: Settings) -> Apply:
    descending = _order(entry)
    return _by_path(lambda values, keys: ordered(values, keys, descending=descending))(entry)


def _sum(_entry: Settings) -> Apply:
    return lambda values, _payload: (values, plain(sum(chain.from_iterable(map(_addend, values)))))


def _addend(value: Any) -> tuple[float, ...]:
    if value.__class__ is str:
        value = to_number(value) if value.strip() else math.nan
    if value.__class__ not in (int, float) or math.isnan(value):
        return ()
    return (value,)


def _looking(look: Callable[[Values], Any]) -> Callable[[Settings], Apply]:
    return lambda _entry: lambda values, _payload: (values, look(values))


def _taking(index: int) -> Callable[[Settings], Apply]:
    return lambda _entry: lambda values, _payload: _without(values, index)


_RULES: Final[dict[Any, tuple[Callable[[Settings], Apply], bool, bool]]] = {
    # type: (maker, changes the working array, has an output)
    "compact": (_changing(_compact), True, False),
    "concat": (_concat, True, False),
    "deduplicate": (_changing(_deduplicate), True, False),
    "deduplicateBy": (_by_path(_first_of_each), False, True),
    "filter": (_filter, False, True),
    "flatten": (_changing(_flatten), True, False),
    "groupBy": (_by_path(_group), False, True),
    "indexOf": (_index_of, False, True),
    "insertAt": (_insert_at, True, False),
    "keyBy": (_by_path(_key), False, True),
    "length": (_looking(len), False, True),
    "lookupAt": (_lookup_at, False, True),
    "pop": (_taking(-1), True, True),
    "shift": (_taking(0), True, True),
    "push": (_push, True, False),
    "unshift": (_unshift, True, False),
    "removeAt": (_remove_at, True, True),
    "replaceAt": (_replace_at, True, True),
    "reverse": (_changing(lambda values: values[::-1]), True, False),
    "slice": (_slice, True, False),
    "sort": (_sort, False, True),
    "sortBy": (_sort_by, False, True),
    "sum": (_sum, False, True),
}
