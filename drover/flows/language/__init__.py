"""The payload language: paths, templates, JSON templates and expressions.

Each text is compiled once to a function of a payload; compiled texts are cached. Errors of a
text are found when it is compiled (LanguageError), so a flow is checked when it is saved.
"""

from drover.flows.language.clock import use_clock
from drover.flows.language.comparisons import loose_equal, strict_equal
from drover.flows.language.conversions import to_number, to_text
from drover.flows.language.errors import (
    InvalidJsonTemplate,
    LanguageError,
    PathError,
    RenderLimit,
)
from drover.flows.language.expression_compiler import compile_expression, compile_weighed
from drover.flows.language.json_text import parse_json, to_json
from drover.flows.language.pages import PageContext, render_page
from drover.flows.language.paths import Path, compile_path
from drover.flows.language.templates import (
    compile_json_template,
    compile_template,
    compile_value_template,
)
from drover.flows.language.values import UNDEFINED, Payload, Value, deep_copy, truthy

__all__ = [
    "UNDEFINED",
    "InvalidJsonTemplate",
    "LanguageError",
    "PageContext",
    "Path",
    "PathError",
    "Payload",
    "RenderLimit",
    "Value",
    "compile_expression",
    "compile_json_template",
    "compile_path",
    "compile_template",
    "compile_value_template",
    "compile_weighed",
    "deep_copy",
    "loose_equal",
    "parse_json",
    "render_page",
    "strict_equal",
    "to_json",
    "to_number",
    "to_text",
    "truthy",
    "use_clock",
]
