"""What nodes that let devices sign in have in common: which devices, topics and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.device_fields import METHODS, whole_body
from drover.flows.language import to_text
from drover.flows.settings import templates_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings

    Fields = Callable[[Any], dict[str, Any]]

_TEXTS: Final = {
    "nameTemplate": "name",
    "descriptionTemplate": "description",
    "statusTemplate": "status",
    "addressFilterTypeTemplate": "addressFilterType",
    "filterTypeTemplate": "filterType",
}
_LISTS: Final = {
    "addressesTemplate": "addresses",
    "pubTopicsTemplate": "pubTopics",
    "subTopicsTemplate": "subTopics",
    "deviceIdsTemplate": "deviceIds",
}
_OF_CERTIFICATES: Final = frozenset({"description", "filterType", "status"})


def key_body(settings: Settings) -> Fields:
    """Compile the body of an access key: its fields one by one, or whole."""
    method = settings.literal("dataMethod", choices=METHODS)
    if not method:
        settings.flaw("dataMethod", "Data method is required", missing=True)
    if method in METHODS[1:]:
        return whole_body(settings, method, ("jsonTemplate", "payloadPath"))
    return _single(settings, frozenset({*_TEXTS.values()} - {"status"}))


def certificate_body(settings: Settings) -> Fields:
    """Compile the body of a certificate that devices sign in with, but for its PEM."""
    return _single(settings, _OF_CERTIFICATES, without=frozenset({"addresses"}))


def _single(
    settings: Settings, names: frozenset[str], without: frozenset[str] = frozenset()
) -> Fields:
    texts = {field: settings.template(key) for key, field in _TEXTS.items() if field in names}
    lists = {
        field: templates_of(settings, key) for key, field in _LISTS.items() if field not in without
    }
    tags = [
        (entry.template("keyTemplate"), entry.template("valueTemplate"))
        for entry in settings.items("deviceTagsTemplate", most=100)
    ]

    def render(payload: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            field: text for field, compiled in texts.items() if (text := compiled(payload))
        }
        for field, entries in lists.items():
            if given := [text for each in entries if (text := each(payload))]:
                body[field] = given
        sides = [(key(payload), value(payload)) for key, value in tags]
        if given_tags := [_tag(key, value) for key, value in sides if key or value]:
            body["deviceTags"] = given_tags
        return body

    return render


def _tag(key: str, value: str) -> dict[str, str]:
    return {name: text for name, text in (("key", key), ("value", value)) if text}


def pem_of(settings: Settings, name: str, *, required: bool = True) -> Callable[[Any], str]:
    """Compile a text in PEM: a template, or a path where ``NAMETemplateType`` says so."""
    key = f"{name}Template"
    kind = settings.literal(f"{key}Type", default="string", choices=("string", "path"))
    if kind == "path":
        path = settings.path(key, required=required)
        return lambda payload: "" if path is None else to_text(path.get(payload))
    return settings.template(key, required=required)
