"""Many jobs as XML elements, a member of all of them at a time: pages have a thousand."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from drover.faces.digi._moments import shown_moment
from drover.faces.digi._xml import escaped
from drover.model.inventory import Inventoried
from drover.query.digi.fields import JOB_NUMBERS, JOB_TIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PLAIN: Final = frozenset({*JOB_NUMBERS, "status", "source", "source_id"})
"""Members that nothing has to be escaped in."""


def job_elements(jobs: Sequence[Inventoried]) -> str:
    """Return the elements of jobs, without those of members that are not set."""
    if not jobs:
        return ""
    columns = (_SPELLED[name](name, map(attrgetter(name), jobs)) for name in _MEMBERS)
    rows = map("".join, zip(*columns, strict=True))
    return f"<job>{'</job><job>'.join(rows)}</job>"


_MEMBERS: Final = tuple(name for name in Inventoried.__struct_fields__ if name != "targets")


def _plain(name: str, values: Iterable[Any]) -> list[str]:
    return ["" if value is None else f"<{name}>{value}</{name}>" for value in values]


def _text(name: str, values: Iterable[Any]) -> list[str]:
    return ["" if value is None else f"<{name}>{escaped(value)}</{name}>" for value in values]


def _moment(name: str, values: Iterable[Any]) -> list[str]:
    return ["" if value is None else f"<{name}>{shown_moment(value)}</{name}>" for value in values]


def _truth(name: str, values: Iterable[Any]) -> list[str]:
    return [f"<{name}>{'true' if value else 'false'}</{name}>" for value in values]


def _speller(name: str) -> Callable[[str, Iterable[Any]], list[str]]:
    if name in JOB_TIMES:
        return _moment
    if name == "cancel_requested":
        return _truth
    return _plain if name in _PLAIN else _text


_SPELLED: Final = {name: _speller(name) for name in _MEMBERS}
