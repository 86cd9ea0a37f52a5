"""Application templates: read as published; made, changed and deleted in our own way; applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from drover.app.transfer.templates import Templates
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._jobs import enqueued, told
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.application import KIND as APPLICATION
from drover.kinds.application_template import KIND
from drover.model.errors import Invalid
from drover.model.fields import Email, Id, Url
from drover.model.scopes import for_operation
from drover.model.template_categories import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_ALL: Final = "/applicationTemplates"
_ONE: Final = f"{_ALL}/{{templateId}}"
_MOST_KEYWORDS: Final = 100


class ApplyTemplatePatch(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """The body that brings a template into an application."""

    template_id: Id
    email: Email | None = None
    callback_url: Url | None = None


class _Calls:
    """The operations over the use cases."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    async def page(self, call: Call) -> bytes:
        """Return one page."""
        listing = _lists.listing(call, KIND)
        keywords, category_id = call.names("keywords"), call.id("categoryId")
        if len(keywords) > _MOST_KEYWORDS:
            raise Invalid(f"keywords has at most {_MOST_KEYWORDS} items", field="keywords")
        found = await self._templates.page(call.caller, listing, keywords, category_id)
        shown = _envelope.page(KIND, call, listing, found)
        if keywords:
            shown = _envelope.with_member(shown, "keywords", sorted(keywords))
        if category_id is not None:
            shown = _envelope.with_member(shown, "categoryId", category_id)
        return shown

    async def categories(self, call: Call) -> dict[str, Any]:
        """Return the categories, or those below one."""
        base_id = call.id("baseId")
        items = [msgspec.to_builtins(each) for each in below(base_id)]
        base = {} if base_id is None else {"baseId": base_id}
        return {"items": items, "count": len(items), "totalCount": len(items), **base}

    async def keywords(self, call: Call) -> dict[str, Any]:
        """Return the keywords in use."""
        return {"keywords": await self._templates.keywords(call.caller)}

    async def get(self, call: Call) -> bytes:
        """Return one."""
        found = await self._templates.get(call.caller, call.path["templateId"])
        return _envelope.one(KIND, call, found)

    async def post(self, call: Call) -> bytes:
        """Make one of an application."""
        made = await self._templates.create(call.caller, call.json(KIND.post_type))
        return _envelope.one(KIND, call, made)

    async def patch(self, call: Call) -> bytes:
        """Change what is told of one."""
        given = call.json(KIND.patch_type)
        changed = await self._templates.patch(call.caller, call.path["templateId"], given)
        return _envelope.one(KIND, call, changed)

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one."""
        await self._templates.delete(call.caller, call.path["templateId"])
        return {"success": True}

    async def apply(self, call: Call) -> Answer:
        """Bring one into an application."""
        given = call.json(ApplyTemplatePatch)
        listeners = told(call, given.email, given.callback_url)
        done = await self._templates.apply(
            call.caller, call.application_id, given.template_id.lower(), listeners
        )
        if done.job_id:
            return enqueued(done.job_id)
        return Answer(_envelope.one(APPLICATION, call, done.document))


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on application templates."""
    calls = _Calls(services[Templates])
    lists = (*_lists.PARAMETERS, "keywords", "categoryId")
    for path, verb, run, summary, parameters in (
        (_ALL, "get", calls.page, "List application templates", lists),
        (f"{_ALL}/categories", "getCategories", calls.categories, "List categories", ("baseId",)),
        (f"{_ALL}/keywords", "getUniqueKeywords", calls.keywords, "List keywords", ()),
        (_ONE, "get", calls.get, "Read one application template", ()),
    ):
        family = KIND.one if path == _ONE else KIND.many
        yield Operation(
            method="GET",
            path=path,
            scopes=for_operation(family, verb, ("User",), reads=True),
            run=run,
            name=f"{family}.{verb}",
            summary=summary,
            parameters=parameters,
            kind=KIND.one if verb == "get" else "",
        )
    yield from _changes(calls)
    yield Operation(
        method="PATCH",
        path="/applications/{applicationId}/applyTemplate",
        scopes=APPLICATION.scopes("applyTemplate"),
        run=calls.apply,
        name="application.applyTemplate",
        summary="Bring a template into an application",
        body=ApplyTemplatePatch,
        flawed_status=422,
    )


def _changes(calls: _Calls) -> Iterator[Operation]:
    for method, path, run, summary, body in (
        ("POST", _ALL, calls.post, "Make a template of an application", KIND.post_type),
        ("PATCH", _ONE, calls.patch, "Change an application template", KIND.patch_type),
        ("DELETE", _ONE, calls.delete, "Delete an application template", None),
    ):
        family, verb = KIND.one if path == _ONE else KIND.many, method.lower()
        yield Operation(
            method=method,
            path=path,
            scopes=for_operation(family, verb, ("User",)),
            run=run,
            name=f"{family}.{verb}",
            summary=summary,
            status=201 if method == "POST" else 200,
            body=body,
            kind=KIND.one if body else "",
            ours=True,
        )
