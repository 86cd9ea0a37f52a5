"""Recipes of devices: in the shapes asked for, and many devices made by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from drover.app.catalog import Catalog
from drover.app.device_recipes import BulkCreate, DeviceRecipes
from drover.app.recipe_jobs import RecipeJobs
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._device_shapes import attributes_as_object, tags_as_object
from drover.faces.losant._jobs import enqueued
from drover.faces.losant._usual import usual
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.device_recipe import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_ONE = f"/applications/{{applicationId}}/{KIND.path}/{{deviceRecipeId}}"
_SHAPES = ("tagsAsObject", "attributesAsObject")
MOST_AT_ONCE = 750
"""Rows whose devices are made while the caller waits; more become a job."""


class _Calls:
    """The operations on recipes that the usual ones do not cover."""

    def __init__(self, services: Services) -> None:
        self._catalog = services[Catalog]
        self._recipes = services[DeviceRecipes]
        self._services = services

    async def list(self, call: Call) -> bytes:
        """Return one page."""
        listing = _lists.listing(call, KIND)
        found = await self._catalog.list(KIND, call.application_id, listing)
        items = [_shaped(call, document) for document in found.items]
        return _envelope.page(KIND, call, listing, replace(found, items=items))

    async def post(self, call: Call) -> bytes:
        """Create one."""
        made = await self._catalog.create(call.caller, KIND, call.application_id, call.body)
        return _envelope.one(KIND, call, _shaped(call, made))

    async def get(self, call: Call) -> bytes:
        """Return one."""
        recipe_id = call.path["deviceRecipeId"]
        found = await self._catalog.get(KIND, call.application_id, recipe_id)
        return _envelope.one(KIND, call, _shaped(call, found))

    async def patch(self, call: Call) -> bytes:
        """Change one."""
        old = (call.application_id, call.path["deviceRecipeId"], None)
        changed = await self._catalog.patch(call.caller, KIND, old, call.body)
        return _envelope.one(KIND, call, _shaped(call, changed))

    async def bulk_create(self, call: Call) -> Answer:
        """Make many devices by one."""
        recipe_id = call.path["deviceRecipeId"]
        wanted = call.json(BulkCreate)
        sheet = await self._recipes.sheet(call.application_id, recipe_id, wanted)
        if len(sheet.lines) > MOST_AT_ONCE:
            jobs = RecipeJobs(self._services)
            return enqueued(await jobs.begin(call.caller, call.application_id, recipe_id, wanted))
        made = await self._recipes.create(
            call.caller, call.application_id, sheet, with_keys=wanted.make_unique_key_secret
        )
        answer = {"created": made.created, "failed": made.failed, "csvResult": made.csv_result}
        return Answer(msgspec.json.encode(answer), 201)


def _shaped(call: Call, document: bytes) -> bytes:
    """Return a document in the shape asked for; without wishes it is not decoded."""
    if not any(name in call.query for name in _SHAPES):
        return document
    recipe: dict[str, Any] = msgspec.json.decode(document)
    if call.flag("tagsAsObject"):
        recipe["tags"] = tags_as_object(recipe["tags"])
    if call.flag("attributesAsObject"):
        recipe["attributes"] = attributes_as_object(recipe["attributes"])
    return msgspec.json.encode(recipe)


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on recipes that the usual ones do not cover."""
    calls = _Calls(services)
    yield usual(KIND, "list", calls.list, (*_lists.PARAMETERS, *_SHAPES))
    yield usual(KIND, "post", calls.post, _SHAPES)
    yield usual(KIND, "get", calls.get, _SHAPES)
    yield usual(KIND, "patch", calls.patch, _SHAPES)
    yield Operation(
        method="POST",
        path=f"{_ONE}/bulkCreate",
        scopes=KIND.scopes("bulkCreate"),
        run=calls.bulk_create,
        name="deviceRecipe.bulkCreate",
        summary="Make many devices by a recipe",
        status=201,
        body=BulkCreate,
    )
