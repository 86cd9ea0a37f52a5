"""What nodes on experience users and groups have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.actions import Action, Ask
from drover.flows.answers import softly
from drover.flows.device_fields import whole_body
from drover.flows.language import UNDEFINED, parse_json, to_number
from drover.flows.paging import page_of, pairs, sorting
from drover.flows.payload import dated, jsonable
from drover.flows.settings import templates_of
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

    Fields = Callable[[Any], dict[str, Any]]

METHODS: Final = ("individualFields", "jsonTemplate", "payloadPath")
"""Where a node may take a body from."""

USER_FIELDS: Final = {
    "emailTemplate": "email",
    "passwordTemplate": "password",
    "firstNameTemplate": "firstName",
    "lastNameTemplate": "lastName",
}
GROUP_FIELDS: Final = {
    "nameTemplate": "name",
    "descriptionTemplate": "description",
    "parentIdTemplate": "parentId",
}

_DATES: Final = ("lastLogin", "passwordLastUpdated", "tokenCutoff")


def finding(
    settings: Settings, operation: str, find: Fields, *, fields: tuple[str, ...]
) -> Action | None:
    """Compile a search: the first that fits or null, a list, or a page that tells of itself.

    ``fields`` may be sorted by, first of all the first of them.
    """
    page, many = page_of(settings), settings.flag("findMultiple")
    metadata = many and settings.flag("findMetadata")
    order = sorting(settings, fields, default=fields[0], direction="asc")
    write = settings.writer("resultPath", required=True, fresh=True)

    def request(visit: Visit) -> dict[str, Any]:
        payload = visit.payload
        return {"many": many, **order, **find(payload), **(page(payload) if many else {})}

    def shape(found: dict[str, Any]) -> Any:
        items = [shown(each) for each in found["items"]]
        if metadata:
            return {**found, "count": len(items), "items": items}
        return items if many else next(iter(items), None)

    return Ask(operation, request, softly(write, shape))


def shown(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a user or group with its dates as dates."""
    return dated(resource, *_DATES)


def given_tags(settings: Settings, key: str) -> Callable[[Any], dict[str, str | None]]:
    """Compile tags of which each key has one value; a key without one is None."""
    entries = pairs(settings, key)
    return lambda payload: {name: value or None for name, value in entries(payload) if name}


def body_of(
    settings: Settings, keys: tuple[str, str], single: Callable[[Settings], Fields], default: str
) -> Fields:
    """Compile a body: its fields one by one, or whole from a JSON template or a path.

    It renders to what is asked: ``{"body": ...}``, and more where ``single`` says more.
    """
    method = settings.literal("dataMethod", default=default, choices=METHODS)
    if not method:
        settings.flaw("dataMethod", "Data method is required", missing=True)
    if method in METHODS[1:]:
        whole = whole_body(settings, method, keys)
        return lambda payload: {"body": whole(payload)}
    return single(settings)


def texts(settings: Settings, fields: dict[str, str], needed: tuple[str, ...] = ()) -> Fields:
    """Compile fields of text by their config keys; empty ones are left out, ``needed`` throw."""
    compiled = {
        field: settings.template(key, required=key in needed) for key, field in fields.items()
    }
    return lambda payload: {
        field: text for field, render in compiled.items() if (text := render(payload))
    }


def new_body(
    settings: Settings, fields: dict[str, str], tags_key: str, needed: tuple[str, ...]
) -> Fields:
    """Compile the fields of a new user or group one by one, with the tags that have a value."""
    render, tags = texts(settings, fields, needed), given_tags(settings, tags_key)

    def single(payload: Any) -> dict[str, Any]:
        body = render(payload)
        if given := {key: value for key, value in tags(payload).items() if value}:
            body[tags_key] = given
        return {"body": body}

    return single


def changed_body(settings: Settings, fields: dict[str, str], tags_key: str) -> Fields:
    """Compile what a user or group is changed to, field by field and tag by tag."""
    render, tags = texts(settings, fields), given_tags(settings, tags_key)
    return lambda payload: {"body": render(payload), "mergeTags": tags(payload)}


def names(settings: Settings, key: str) -> Callable[[Any], list[str] | None]:
    """Compile ids or addresses: a list of templates, or one; None where none is configured.

    A template may render to one, to several with commas between them, or to a list in JSON.
    """
    if not settings.config.get(key):
        return lambda _payload: None
    whole = isinstance(settings.config[key], str)
    entries = [settings.template(key)] if whole else templates_of(settings, key)
    return lambda payload: [name for each in entries for name in _several(each(payload))]


def _several(text: str) -> list[str]:
    if text.lstrip().startswith("["):
        try:
            found = parse_json(text)
        except (ValueError, RecursionError) as error:
            raise Thrown("Validation", f"The list of users is no JSON: {error}") from error
        return [str(each) for each in found]
    return [name for part in text.split(",") if (name := part.strip())]


def token_fields(settings: Settings) -> Fields:
    """Compile what a token of an experience user is made with: how long it lasts, what it says."""
    ttl, extra = settings.template("ttlTemplate"), settings.json("extraDataJsonTemplate")
    cut_off = settings.flag("invalidateExistingTokens")

    def render(payload: Any) -> dict[str, Any]:
        asked: dict[str, Any] = {"cutOff": cut_off}
        if text := ttl(payload).strip():
            asked["ttlMs"] = _lasting(text)
        data = extra(payload)
        if data is not UNDEFINED:
            asked["extra"] = _object(data)
        return asked

    return render


def _lasting(text: str) -> int:
    number = to_number(text)
    if not 1 <= number <= 2**53:
        raise Thrown("Validation", "The time a token lasts must be a positive number of ms")
    return int(number)


def _object(data: Any) -> dict[str, Any]:
    if data.__class__ is not dict:
        raise Thrown("Validation", "The extra data of a token must be an object")
    return jsonable(data)  # type: ignore[no-any-return]  # of an object it returns one
