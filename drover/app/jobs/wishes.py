"""What an execution is to run over: texts of a job, rendered with a context and checked.

Losant-compatible behaviour, section 3.2.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, Final

from drover.app.jobs.turns import Turns
from drover.engine.targets import ROWS, query_of
from drover.flows.language import LanguageError, RenderLimit, compile_template, parse_json
from drover.model.errors import Invalid
from drover.model.fields import is_id
from drover.model.run import Target
from drover.query.kinds import FIELD_SETS
from drover.query.losant import parse_json as parse_query

if TYPE_CHECKING:
    from drover.ports.store import Session
    from drover.query.tree import Node

QUERY: Final = "queryJson"
TABLE: Final = "dataTableId"
CONTEXT: Final = "templateContext"

LONGEST_QUERY: Final = 65_536
"""Characters of a rendered query."""

AT_ONCE: Final = 2
"""Renderings that run at the same time; one may take seconds of a processor."""

MOST_OF_APPLICATION: Final = 16
"""Renderings of one application that run or wait, so that none keeps all others waiting."""

_EXCERPT: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Texts that say what to run over, not yet rendered."""

    resource_type: str
    query: str
    context: str
    table: str | None = None

    @property
    def over_rows(self) -> bool:
        """Whether it runs over rows of a data table."""
        return self.resource_type == ROWS

    @property
    def is_template(self) -> bool:
        """Whether anything of it is to be rendered."""
        return has_template(self.query) or has_template(self.table or "")


def has_template(text: str) -> bool:
    """Tell whether a text is to be rendered."""
    return "{{" in text


def check_template(text: str, field: str) -> None:
    """Raise Invalid naming the field unless the text's templates can be compiled."""
    try:
        compile_template(text)
    except LanguageError as error:
        raise Invalid(f"{error} at `{field}`", field=field) from error


def context_of(text: str, field: str = CONTEXT) -> dict[str, Any]:
    """Return a context from its JSON text, blank text as an empty one; raises Invalid."""
    try:
        context = parse_json(text) if text.strip() else {}
    except (JSONDecodeError, RenderLimit) as error:
        raise Invalid(
            f"The context is not valid JSON: {error} at `{field}`", field=field
        ) from error
    if not isinstance(context, dict):
        raise Invalid(f"The context must be a JSON object at `{field}`", field=field)
    return context


class Renderer:
    """Renders wishes beside the event loop: one that takes long must not hold up the others."""

    def __init__(self) -> None:
        self._turns = Turns("renderings", at_once=AT_ONCE, most=MOST_OF_APPLICATION)

    async def rendered(self, application_id: str, wish: Wish) -> Target:
        """Return the target of a wish; raises Invalid naming what cannot be used, TooMany."""
        context = context_of(wish.context)
        if not wish.is_template:
            return _target(wish, context)
        async with self._turns.take(application_id):
            return await asyncio.to_thread(_target, wish, context)


def check_fixed_query(target: Target) -> None:
    """Raise Invalid naming the field unless the query is one of a type with the same fields ever.

    That is every type but rows of data tables.
    """
    try:
        parse_query(target.query, FIELD_SETS[target.resource_type])
    except Invalid as error:
        raise Invalid(f"{error.message} at `{QUERY}`", field=QUERY) from error


async def query_in(session: Session, application_id: str, target: Target) -> Node:
    """Return the parsed query of a target; raises Invalid naming the field."""
    try:
        return await query_of(session, application_id, target)
    except Invalid as error:
        field = TABLE if error.field == TABLE else QUERY
        raise Invalid(f"{error.message} at `{field}`", field=field) from error


async def check_definition(session: Session, application_id: str, wish: Wish) -> None:
    """Raise Invalid for whatever is wrong with a wish whatever the context may be."""
    context_of(wish.context, "defaultContext")
    check_template(wish.query, QUERY)
    check_template(wish.table or "", TABLE)
    if has_template(wish.query):
        return
    if wish.over_rows and has_template(wish.table or ""):
        _check_json(wish.query)
        return
    await query_in(session, application_id, _target(wish, {}))


def _check_json(text: str) -> None:
    try:
        query = parse_json(text)
    except (JSONDecodeError, RenderLimit) as error:
        message = f"The query is not valid JSON: {error} at `{QUERY}`"
        raise Invalid(message, field=QUERY) from error
    if not isinstance(query, dict):
        raise Invalid(f"A query is an object at `{QUERY}`", field=QUERY)


def _target(wish: Wish, context: dict[str, Any]) -> Target:
    payload = {"ctx": context, **context}
    query = _render(wish.query, payload, QUERY)
    if len(query) > LONGEST_QUERY:
        message = f"The rendered query is longer than {LONGEST_QUERY} characters at `{QUERY}`"
        raise Invalid(message, field=QUERY)
    return Target(
        resource_type=wish.resource_type,
        query=query,
        context=wish.context if wish.context.strip() else "{}",
        data_table_id=_table(wish, payload),
    )


def _table(wish: Wish, payload: dict[str, Any]) -> str | None:
    if not wish.over_rows:
        return None
    if wish.table is None:
        raise Invalid(f"A job over rows needs `{TABLE}`", field=TABLE)
    table = _render(wish.table, payload, TABLE).strip()
    if not is_id(table):
        raise Invalid(f"'{table[:_EXCERPT]}' is not the id of a table at `{TABLE}`", field=TABLE)
    return table.lower()


def _render(text: str, payload: dict[str, Any], field: str) -> str:
    if not has_template(text):
        return text
    try:
        return compile_template(text)(payload)
    except (LanguageError, RenderLimit) as error:
        raise Invalid(
            f"The template cannot be rendered: {error} at `{field}`", field=field
        ) from error
