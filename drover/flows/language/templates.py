"""String templates, value templates and JSON templates.

Losant-compatible behaviour, sections 3 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from json import JSONDecodeError
from typing import Final, TypeAlias

from drover.flows.language.caching import cached
from drover.flows.language.errors import InvalidJsonTemplate
from drover.flows.language.json_text import parse_json
from drover.flows.language.scope import Scope
from drover.flows.language.syntax import Reference
from drover.flows.language.template_compiler import compile_program
from drover.flows.language.template_scanner import Tag, scan
from drover.flows.language.term_compiler import compile_mention
from drover.flows.language.values import UNDEFINED, Payload, Value

Template: TypeAlias = Callable[[Payload], str]
ValueTemplate: TypeAlias = Callable[[Payload], Value]

_TAG: Final = "{{"


@cached
def compile_template(text: str) -> Template:
    """Compile a string template to a function from a payload to text.

    Raises LanguageError now; the function raises RenderLimit.
    """
    program = compile_program(text)
    if _TAG not in text:
        return lambda _: text
    return lambda payload: program(Scope(payload))


@cached
def compile_value_template(text: str) -> ValueTemplate:
    """Compile a template that keeps the type of a value: a lone ``{{path}}`` gives it as it is.

    Everything else gives text. Raises LanguageError now; the function raises RenderLimit.
    """
    tokens = scan(text)
    only = tokens[0].content if len(tokens) == 1 and isinstance(tokens[0], Tag) else None
    if not isinstance(only, Reference):
        return compile_template(text)
    get = compile_mention(only)
    return lambda payload: get(Scope(payload))


@cached
def compile_json_template(text: str) -> ValueTemplate:
    """Compile a template whose rendering is parsed as JSON; an empty rendering is UNDEFINED.

    Raises LanguageError now; the function raises InvalidJsonTemplate and RenderLimit.
    """
    program = compile_program(text)

    def render(payload: Payload) -> Value:
        rendered = program(Scope(payload))
        if not rendered or rendered.isspace():
            return UNDEFINED
        try:
            return parse_json(rendered)
        except JSONDecodeError as error:
            raise InvalidJsonTemplate(error.msg, error.lineno, error.colno, rendered) from None

    return render
