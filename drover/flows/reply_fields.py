"""What nodes that reply to a request have in common: to which, with what status, headers, body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import UNDEFINED, to_json, to_number, to_text
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings

    Render = Callable[[Any], Any]

MOST_BYTES: Final = 262_144
"""Of a reply's body."""

MOST_HEADERS: Final = 100
OK: Final = 200

_BODIES: Final = ("string", "path", "json", "payload", "none")
_CODES: Final = (200, 599)


def reply_id(settings: Settings) -> Render:
    """Return what reads the id of the request that is replied to; undefined for none."""
    path = settings.path("replyIdPath", default="data.replyId")
    return lambda payload: UNDEFINED if path is None else path.get(payload)


def status(settings: Settings, default: int = OK) -> Callable[[Any], int]:
    """Return what renders the status; the default where it renders to none."""
    text = settings.template("responseCodeTemplate")

    def render(payload: Any) -> int:
        code = to_number(text(payload).strip() or UNDEFINED)
        least, most = _CODES
        return int(code) if least <= code <= most and code == int(code) else default

    return render


def headers(settings: Settings) -> Callable[[Any], list[tuple[str, str]]]:
    """Return what renders the headers; those without a name are left out."""
    entries = [
        (entry.template(_key_of(entry)), entry.template("valueTemplate"))
        for entry in settings.items("headerInfo", most=MOST_HEADERS)
    ]
    return lambda payload: [
        (name, value(payload)) for key, value in entries if (name := key(payload).strip())
    ]


def _key_of(entry: Settings) -> str:
    """Return where a header's name stands: requests and replies were published with two keys."""
    return "keyTemplate" if entry.holds("keyTemplate") else "key"


def body(settings: Settings) -> Callable[[Any], str]:
    """Return what renders the body; objects become JSON. It throws for one that is too large."""
    shown = value(settings)

    def render(payload: Any) -> str:
        given = shown(payload)
        text = to_json(given) if isinstance(given, (dict, list)) else to_text(given)
        if len(text) > MOST_BYTES or len(text.encode()) > MOST_BYTES:
            raise Thrown("PayloadTooLarge", f"A reply may not be larger than {MOST_BYTES} bytes")
        return text

    return render


def value(settings: Settings) -> Render:
    """Return what renders the body as a value."""
    kind = settings.literal("bodyTemplateType", default=_BODIES[0], choices=_BODIES)
    if kind == "json":
        return settings.json("bodyTemplate")
    if kind == "payload":
        return lambda payload: payload
    if kind == "none":
        return lambda _payload: ""
    if kind == "path":
        path = settings.path("bodyTemplate", required=True)
        return lambda payload: UNDEFINED if path is None else path.get(payload)
    return settings.value("bodyTemplate")
