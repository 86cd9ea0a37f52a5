"""Pages: a layout with the page in it, both made of components."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from drover.flows.language.limits import MAX_PAGE
from drover.flows.language.scope import Scope
from drover.flows.language.template_compiler import compile_statements
from drover.flows.language.template_parser import parse_template

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE: Final = re.compile(r"\{\{\s{0,9}page\s{0,9}\}\}")
_FILL: Final = re.compile(r"""\{\{#fillSection\s{1,9}["']([^"'{}]{1,255})["']\s{0,9}\}\}""")
_FILLED: Final = "{{/fillSection}}"


class PageContext(dict[str, Any]):
    """What a page is rendered with, and what else it is made of.

    ``components`` are templates by name, ``sections`` texts that a page gives its layout;
    ``depth`` counts the components around, ``work`` what has been spent on all of it.
    """

    def __init__(self, given: Mapping[str, Any], components: Mapping[str, str]) -> None:
        super().__init__(given)
        self.components = components
        self.sections: dict[str, str] = {}
        self.depth = 0
        self.work = 0

    def within(self, given: Mapping[str, Any]) -> PageContext:
        """Return the context of a component inside."""
        inner = PageContext(given, self.components)
        inner.sections = self.sections
        inner.depth = self.depth + 1
        return inner


def render_page(page: str, layout: str | None, context: PageContext) -> str:
    """Return a page in its layout; raises LanguageError, RenderLimit.

    A layout has its page at ``{{page}}``, and what the page fills at ``{{section "name"}}``.
    """
    body, fills = _parted(page)
    context.sections.update({name: render(text, context) for name, text in fills})
    rendered = render(body, context)
    if layout is None:
        return rendered
    context["page"] = rendered
    return render(_PAGE.sub("{{{page}}}", layout), context)


def render(text: str, context: PageContext) -> str:
    """Return a template rendered; raises LanguageError, RenderLimit."""
    program, scope = compile_statements(parse_template(text, MAX_PAGE)), Scope(context)
    scope.work = context.work
    rendered = program(scope)
    context.work = scope.work
    return rendered


def _parted(page: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a page without what it fills sections with, and that by the section's name."""
    kept: list[str] = []
    fills: list[tuple[str, str]] = []
    at = 0
    while found := _FILL.search(page, at):
        end = page.find(_FILLED, found.end())
        if end < 0:
            break
        kept.append(page[at : found.start()])
        fills.append((found[1], page[found.end() : end]))
        at = end + len(_FILLED)
    return "".join([*kept, page[at:]]), fills
