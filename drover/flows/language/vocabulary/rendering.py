"""Helpers that render a text found in the payload. They do not work inside one another."""

from __future__ import annotations

from typing import Final

from drover.flows.language.conversions import to_text
from drover.flows.language.errors import LanguageError
from drover.flows.language.helper import Helper
from drover.flows.language.limits import MAX_CACHED, UNCACHED_WORK
from drover.flows.language.scope import Scope
from drover.flows.language.values import UNDEFINED, Value


def _inner_scope(scope: Scope, text: str, context: Value) -> Scope | None:
    """Return the scope to render ``text`` in, or None within such a rendering."""
    root = scope.root()
    if root.nested:
        return None
    scope.charge(len(text) * (1 if len(text) <= MAX_CACHED else UNCACHED_WORK))
    inner = Scope(root.this if context is UNDEFINED else context)
    inner.nested = True
    return inner


def _template(scope: Scope, text: Value = UNDEFINED, context: Value = UNDEFINED) -> str:
    from drover.flows.language.template_compiler import compile_program

    inner = _inner_scope(scope, to_text(text), context)
    if inner is None:
        return ""
    try:
        rendered = compile_program(to_text(text))(inner)
    except LanguageError:
        return ""
    scope.charge(inner.work)
    return rendered


def _evaluate(scope: Scope, text: Value = UNDEFINED, context: Value = UNDEFINED) -> Value:
    from drover.flows.language.expression_compiler import compile_evaluator

    inner = _inner_scope(scope, to_text(text), context)
    if inner is None:
        return UNDEFINED
    try:
        result = compile_evaluator(to_text(text))(inner)
    except LanguageError:
        return UNDEFINED
    scope.charge(inner.work)
    return result


HELPERS: Final = (
    Helper("template", _template, ("text", "ctx"), scoped=True),
    Helper("evalExpression", _evaluate, ("text", "ctx"), scoped=True),
)
