"""Helpers of pages, which are made of components and sections; elsewhere they print nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drover.flows.language.conversions import to_text
from drover.flows.language.errors import LanguageError
from drover.flows.language.helper import Helper
from drover.flows.language.limits import MAX_COMPONENTS, MAX_PAGE, UNCACHED_WORK
from drover.flows.language.scope import Scope
from drover.flows.language.values import UNDEFINED, Value

if TYPE_CHECKING:
    from drover.flows.language.pages import PageContext


def _context(scope: Scope) -> PageContext | None:
    from drover.flows.language.pages import PageContext

    this = scope.root().this
    return this if isinstance(this, PageContext) else None


def _component(scope: Scope, name: Value = UNDEFINED, given: Value = UNDEFINED) -> str:
    from drover.flows.language.template_compiler import compile_statements
    from drover.flows.language.template_parser import parse_template

    context = _context(scope)
    text = None if context is None else context.components.get(to_text(name))
    if context is None or text is None or context.depth >= MAX_COMPONENTS:
        return ""
    scope.charge(len(text) * UNCACHED_WORK)
    inner = Scope(context.within(given if isinstance(given, dict) else context))
    try:
        rendered = compile_statements(parse_template(text, MAX_PAGE))(inner)
    except LanguageError:
        return ""
    scope.charge(inner.work)
    return rendered


def _section(scope: Scope, name: Value = UNDEFINED) -> str:
    context = _context(scope)
    return "" if context is None else context.sections.get(to_text(name), "")


HELPERS: Final = (
    Helper("component", _component, ("name", "context"), scoped=True, raw=True),
    Helper("section", _section, ("name",), scoped=True, raw=True),
)
