"""Helpers that compare: in a block they choose a part, elsewhere they yield a boolean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.language import comparisons
from drover.flows.language.conversions import to_text
from drover.flows.language.helper import Helper
from drover.flows.language.regexes import found_in, search_steps
from drover.flows.language.values import UNDEFINED, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.language.scope import Scope

_STEPS_PER_UNIT: Final = 16
"""Steps of a regular expression search that cost as much as one unit of work."""


def _of_two(compare: Callable[[Value, Value], bool]) -> Callable[..., bool]:
    """Return ``compare`` for arguments that may be left out."""

    def run(left: Value = UNDEFINED, right: Value = UNDEFINED) -> bool:
        return compare(left, right)

    return run


def _differ(left: Value, right: Value) -> bool:
    return not comparisons.strict_equal(left, right)


def _match(scope: Scope, text: Value = UNDEFINED, pattern: Value = UNDEFINED) -> bool:
    text, pattern = to_text(text), to_text(pattern)
    scope.charge(search_steps(pattern, text) // _STEPS_PER_UNIT)
    return found_in(pattern, text)


_PAIR: Final = ("a", "b")

HELPERS: Final = (
    Helper("eq", _of_two(comparisons.strict_equal), _PAIR),
    Helper("ne", _of_two(_differ), _PAIR),
    Helper("gt", _of_two(comparisons.greater), _PAIR, measured=True),
    Helper("gte", _of_two(comparisons.at_least), _PAIR, measured=True),
    Helper("lt", _of_two(comparisons.less), _PAIR, measured=True),
    Helper("lte", _of_two(comparisons.at_most), _PAIR, measured=True),
    Helper("match", _match, ("text", "regex"), scoped=True),
)
