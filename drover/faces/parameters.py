"""Query strings: flat parameters, and lists and objects written in brackets."""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from drover.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_PARAMETERS: Final = 1000
_PART: Final = re.compile(r"\[([^\[\]]*)\]")
_DEEPEST: Final = 4
_LONGEST_INDEX: Final = 9


@lru_cache(maxsize=1024)
def parse(query: bytes) -> Mapping[str, str]:
    """Return the parameters of a query string; of those named twice the last counts.

    Clients send the same few query strings over and over, so the latest are remembered.

    Raises Invalid for text that cannot be stored and for too many parameters.
    """
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS
        )
    except ValueError as error:
        raise Invalid(f"At most {MOST_PARAMETERS} query parameters are accepted") from error
    parameters = dict(pairs)
    if b"%00" in query or b"\0" in query:
        raise Invalid("Query parameters must not hold the character U+0000")
    return MappingProxyType(parameters)


def nested(parameters: Mapping[str, str], name: str) -> Any:
    """Return ``name[0][key]=k`` as ``[{"key": "k"}]``, ``name=x`` as ``"x"``, absent as None.

    An object whose keys are all whole numbers is a list, in their order. Raises Invalid for
    brackets that do not match or nest too deep.
    """
    if name in parameters:
        return parameters[name]
    tree: dict[str, Any] = {}
    for full, value in parameters.items():
        if full.startswith(f"{name}["):
            _place(tree, _path(full, name), value)
    return _listed(tree) if tree else None


def _path(full: str, name: str) -> list[str]:
    rest = full[len(name) :]
    parts = _PART.findall(rest)
    if "".join(f"[{part}]" for part in parts) != rest or len(parts) > _DEEPEST:
        raise Invalid(f"The brackets of {full[:64]} do not match or nest too deep", field=name)
    return parts


def _place(tree: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        key = part or str(len(tree))
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise Invalid("A query parameter is both a value and an object")
    tree[path[-1] or str(len(tree))] = value


def _listed(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if all(key.isdecimal() and len(key) <= _LONGEST_INDEX for key in tree):
        return [_listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: _listed(value) for key, value in tree.items()}
