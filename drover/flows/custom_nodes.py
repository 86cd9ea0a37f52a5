"""What the forms of custom nodes are filled with: those are workflows that others use as nodes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import UNDEFINED, to_number
from drover.flows.language.regexes import found_in
from drover.flows.settings import Settings
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Render = Callable[[Any], Any]

START: Final = "customNodeStart"
"""The type of the trigger that a custom node begins at, and its key."""

MOST_FIELDS: Final = 100


def filled(settings: Settings, form: Mapping[str, Any] | None) -> Callable[[Any], dict[str, Any]]:
    """Compile what a custom node's form is filled with, by the ids of its fields.

    A field that is left empty has its default; one without either is left out, or, where it is
    required, thrown.
    """
    entries = settings.items("fields", most=MOST_FIELDS)
    given = {entry.word("id"): entry.config.get("value") for entry in entries}
    values: dict[str, Render] = {}
    for field in (form or {}).get("fields") or ():
        make = _VALUES.get(field.get("type"))
        if make is not None and field.get("id"):
            values[field["id"]] = make(field, _entry(settings, field, given.get(field["id"])))

    def render(payload: Any) -> dict[str, Any]:
        rendered = {name: value(payload) for name, value in values.items()}
        return {name: value for name, value in rendered.items() if value is not UNDEFINED}

    return render


def _entry(settings: Settings, field: Mapping[str, Any], value: Any) -> Settings:
    """Return one field as settings of its own: what was filled in, else its default."""
    value = field.get("defaultValue") if value in (None, "") else value
    place = f"{settings.place}/fields/{field['id']}"
    return Settings({"value": value}, place, settings.report, settings.facts)


def _fixed(field: Mapping[str, Any], entry: Settings) -> Render:
    value = entry.config["value"]
    if value is None:
        value = False if field["type"] == "checkbox" else UNDEFINED
    return lambda _payload: value


def _text(field: Mapping[str, Any], entry: Settings) -> Render:
    required, pattern = bool(field.get("required")), field.get("validRegExp")
    render = entry.template("value", required=required, label=field["label"])
    if not pattern:
        return render

    def checked(payload: Any) -> str:
        text = render(payload)
        if text and not found_in(pattern, text):
            raise Thrown("Validation", f"{field['label']} does not match {pattern}")
        return text

    return checked


def _number(field: Mapping[str, Any], entry: Settings) -> Render:
    if isinstance(entry.config["value"], (int, float)):
        return _fixed(field, entry)
    required, label = bool(field.get("required")), field["label"]
    render = entry.template("value", required=required, label=label)
    least, most = field.get("validMin", -math.inf), field.get("validMax", math.inf)

    def checked(payload: Any) -> Any:
        text = render(payload).strip()
        if not text:
            return UNDEFINED
        number = to_number(text)
        if not least <= number <= most:
            raise Thrown("Validation", f"{label} must be a number from {least} to {most}")
        return number

    return checked


def _json(field: Mapping[str, Any], entry: Settings) -> Render:
    return entry.json("value", required=bool(field.get("required")), label=field["label"])


def _at_path(field: Mapping[str, Any], entry: Settings) -> Render:
    path = entry.path("value", required=bool(field.get("required")), label=field["label"])
    return lambda payload: UNDEFINED if path is None else path.get(payload)


_VALUES: Final[dict[Any, Callable[[Mapping[str, Any], Settings], Render]]] = {
    "checkbox": _fixed,
    "select": _fixed,
    "stringTemplate": _text,
    "numberTemplate": _number,
    "jsonTemplate": _json,
    "payloadPath": _at_path,
}
