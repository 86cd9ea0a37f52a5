"""Device: Create."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.device_fields import (
    METHODS,
    attribute_fields,
    shaped,
    single_fields,
    tag_pairs,
    whole_body,
)
from drover.flows.node import Node
from drover.flows.payload import dated

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit


def _compile(settings: Settings) -> Action:
    method = settings.literal("dataMethod", choices=METHODS)
    if not method:
        settings.flaw("dataMethod", "Data method is required", missing=True)
    body = _body(settings, method or METHODS[0])
    recipe_key = "recipeIdTemplate" if settings.holds("recipeIdTemplate") else "deviceRecipeId"
    recipe = settings.template(recipe_key)
    shape = shaped(settings)

    def request(visit: Visit) -> dict[str, Any]:
        asked = {"body": body(visit.payload)}
        recipe_id = recipe(visit.payload)
        return {**asked, "recipeId": recipe_id} if recipe_id else asked

    write = settings.writer("resultPath", fresh=True)
    return Ask("device.create", request, softly(write, lambda device: shape(dated(device))))


def _body(settings: Settings, method: str) -> Callable[[Any], Any]:
    if method != "individualFields":
        return whole_body(settings, method, ("deviceJsonTemplate", "devicePayloadPath"))
    name = settings.template("nameTemplate", required=True)
    single = single_fields(settings)
    tags = tag_pairs(settings)
    attributes = attribute_fields(settings)

    def render(payload: Any) -> dict[str, Any]:
        body = {"name": name(payload), **single(payload)}
        if given := [{"key": key, "value": value} for key, value in tags(payload) if value]:
            body["tags"] = given
        if fields := [{"name": known, **field} for known, field in attributes(payload)]:
            body["attributes"] = fields
        return body

    return render


NODE = Node(type="CreateDeviceNode", name="create-device", category="data", compile=_compile)
