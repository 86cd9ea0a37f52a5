"""Endpoint Reply: answer the request that an endpoint waits with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows import reply_fields
from drover.flows.actions import NOTHING, Action, Ask
from drover.flows.answers import softly, strictly
from drover.flows.language import to_number
from drover.flows.node import Node
from drover.flows.payload import jsonable
from drover.flows.visit import Thrown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

MOST_COOKIES: Final = 50
FOUND: Final = 302

_TYPES: Final = ("custom", "redirect", "page", "mqtt")
_SERVED: Final = _TYPES[:3]
_SITES: Final = ("lax", "strict", "none")


def _compile(settings: Settings) -> Action:
    kind = settings.literal("replyType", default=_TYPES[0], choices=_TYPES)
    reply_id = reply_fields.reply_id(settings)
    status = reply_fields.status(settings, FOUND if kind == "redirect" else reply_fields.OK)
    headers = reply_fields.headers(settings)
    cookies = _cookies(settings)
    body = reply_fields.body(settings)
    page = _page(settings) if kind == "page" else None

    def request(visit: Visit) -> Any:
        payload = visit.payload
        wanted = reply_id(payload)
        if kind not in _SERVED:
            raise Thrown("NotImplemented", f"Replies of type {kind} are not supported")
        if not isinstance(wanted, str) or not wanted:
            return NOTHING
        reply: dict[str, Any] = {
            "replyId": wanted,
            "status": status(payload),
            "headers": headers(payload),
            "cookies": cookies(payload),
        }
        if page is not None:
            return {**reply, "page": page(payload)}
        text = body(payload)
        if kind == "redirect":
            return {**reply, "headers": [*reply["headers"], ("location", text)], "body": ""}
        return {**reply, "body": text}

    return Ask("reply.give", request, softly(None) if page is None else strictly(None))


def _page(settings: Settings) -> Callable[[Any], dict[str, Any]]:
    """Compile which page is shown, in which layout, with which data: the body."""
    page = settings.template("pageIdTemplate", required=True, label="Page")
    layout = settings.template("layoutIdTemplate")
    version = settings.template("experienceVersion")
    data = reply_fields.value(settings)

    def render(payload: Any) -> dict[str, Any]:
        experience = payload.get("experience")
        called = experience.get("version") if isinstance(experience, dict) else ""
        return {
            "id": page(payload),
            "layout": layout(payload),
            "version": version(payload) or called or "",
            "experience": jsonable(experience),
            "request": jsonable(payload.get("data")),
            "globals": jsonable(payload.get("globals")),
            "data": jsonable(data(payload)),
        }

    return render


def _cookies(settings: Settings) -> Callable[[Any], list[dict[str, Any]]]:
    entries = [
        (
            entry.template("nameTemplate"),
            entry.template("valueTemplate"),
            entry.template("maxAgeTemplate"),
        )
        for entry in settings.items("cookieInfo", most=MOST_COOKIES)
    ]
    site = settings.template("sameSiteTemplate")

    def render(payload: Any) -> list[dict[str, Any]]:
        given = site(payload).strip().lower()
        return [
            {
                "name": name(payload),
                "value": value(payload),
                "maxAge": _seconds(age(payload)),
                "site": given if given in _SITES else _SITES[0],
            }
            for name, value, age in entries
        ]

    return render


def _seconds(text: str) -> int | None:
    """Return a whole number of seconds; None for a cookie that ends with the session."""
    number = to_number(text.strip()) if text.strip() else -1
    return int(number) if 0 <= number <= 2**31 else None


NODE = Node(type="EndpointReplyNode", name="endpoint-reply", category="output", compile=_compile)
