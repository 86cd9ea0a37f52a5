"""Which form of an answer the headers ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AS_XML: Final = frozenset({"application/xml", "text/xml"})
_AS_JSON: Final = frozenset({"application/json", "application/*", "*/*"})


def wants_xml(headers: Mapping[str, str]) -> bool:
    """Tell whether XML is accepted rather than JSON."""
    weights = dict(_weights(headers.get("accept", "")))
    xml = max((weights.get(name, 0.0) for name in _AS_XML), default=0.0)
    json = max((weights.get(name, 0.0) for name in _AS_JSON), default=0.0)
    return xml > json


def _weights(accept: str) -> Iterator[tuple[str, float]]:
    for entry in accept.lower().split(","):
        name, _, parameters = entry.partition(";")
        yield name.strip(), _weight(parameters)


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
