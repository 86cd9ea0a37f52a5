"""Bodies of devices from the fields of a node's config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import to_number
from drover.flows.paging import MOST_PAIRS, pairs
from drover.flows.payload import attributes_object, jsonable, tags_object
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings

METHODS: Final = ("individualFields", "jsonTemplate", "payloadPath")
"""Where a node may take a body from."""

_TEXTS: Final = {
    "descriptionTemplate": "description",
    "deviceClassTemplate": "deviceClass",
    "gatewayIdTemplate": "gatewayId",
    "parentIdTemplate": "parentId",
}


def single_fields(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    """Compile the fields that have one value each; empty ones are left out."""
    texts = {field: settings.template(key) for key, field in _TEXTS.items()}
    interval = settings.template("systemIntervalTemplate")
    duplicates = settings.template("keepDuplicatesTemplate")

    def render(payload: Any) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for field, text in texts.items():
            if value := text(payload):
                body[field] = value
        if seconds := interval(payload):
            body["systemInterval"] = _number(seconds)
        if kept := duplicates(payload):
            body["keepDuplicates"] = kept.strip().lower() == "true"
        return body

    return render


def tag_pairs(settings: Settings) -> Callable[[Any], list[tuple[str, str | None]]]:
    """Compile ``deviceTags``."""
    return pairs(settings, "deviceTags")


def attribute_fields(settings: Settings) -> Callable[[Any], list[tuple[str, dict[str, str]]]]:
    """Compile ``deviceAttributes``: names, each with the fields that are not empty."""
    entries = [
        {
            "name": entry.template("nameTemplate"),
            "dataType": entry.template("dataTypeTemplate"),
            "contentType": entry.template("contentTypeTemplate"),
        }
        for entry in settings.items("deviceAttributes", most=MOST_PAIRS * 3)
    ]

    def render(payload: Any) -> list[tuple[str, dict[str, str]]]:
        rendered = [{key: text(payload) for key, text in entry.items()} for entry in entries]
        return [
            (entry.pop("name"), {key: text for key, text in entry.items() if text})
            for entry in rendered
        ]

    return render


def whole_body(settings: Settings, method: str, keys: tuple[str, str]) -> Callable[[Any], Any]:
    """Compile a body that is given whole: the key of its JSON template, or of its path."""
    json_key, path_key = keys
    if method == "jsonTemplate":
        render = settings.json(json_key, required=True)
        return lambda payload: _object(render(payload))
    path = settings.path(path_key, required=True)
    return lambda payload: _object(None if path is None else path.get(payload))


def shaped(settings: Settings) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what gives a device the shape its node is told to show."""
    tags = settings.flag("tagsAsObject")
    attributes = settings.flag("attributesAsObject")

    def shape(device: dict[str, Any]) -> dict[str, Any]:
        if tags:
            device["tags"] = tags_object(device.get("tags") or ())
        if attributes:
            device["attributes"] = attributes_object(device.get("attributes") or ())
        return device

    return shape


def _object(body: Any) -> dict[str, Any]:
    if body.__class__ is not dict:
        raise Thrown("Validation", "The body must be an object")
    return jsonable(body)  # type: ignore[no-any-return]  # of an object it returns one


def _number(text: str) -> Any:
    value = to_number(text)
    return int(value) if value == value and value == int(value) else value  # noqa: PLR0124 - NaN alone
