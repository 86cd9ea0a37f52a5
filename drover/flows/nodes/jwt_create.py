"""JWT: Create: a signed token of some data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drover.flows.language import UNDEFINED
from drover.flows.node import Node
from drover.flows.payload import jsonable
from drover.flows.visit import Thrown
from drover.flows.web_tokens import Signing, signed, signing

if TYPE_CHECKING:
    from collections.abc import Callable

    from drover.flows.actions import Action
    from drover.flows.settings import Settings
    from drover.flows.visit import Visit

EXPIRES_S: Final = 86_400
_TYPES: Final = ("json", "path")


def _compile(settings: Settings) -> Action:
    data = _object(settings, "dataTemplate", required=True)
    header = _object(settings, "headerTemplate")
    expires_s = settings.number("expiresIn", default=EXPIRES_S) or 0
    write = settings.writer("destinationPath", required=True, fresh=True)

    def act(visit: Visit, by: Signing) -> int:
        payload, now_s = visit.payload, visit.run.now_ms() // 1000
        claims = {"iat": now_s, "exp": int(now_s + expires_s), **data(payload)}
        if by.issuer:
            claims["iss"] = by.issuer
        named = {**header(payload), "alg": by.algorithm or "HS256"}
        token = signed(named, claims, by.secret)
        if write is not None:
            write(visit, token)
        return 0

    return signing(settings, act)


def _object(
    settings: Settings, key: str, *, required: bool = False
) -> Callable[[Any], dict[str, Any]]:
    """Return what renders an object, from a JSON template or a path."""
    kind = settings.literal(f"{key}Type", default=_TYPES[0], choices=_TYPES)
    render: Callable[[Any], Any]
    if kind == "path":
        path = settings.path(key, required=required)
        render = lambda payload: UNDEFINED if path is None else path.get(payload)  # noqa: E731
    else:
        render = settings.json(key, required=required)

    def rendered(payload: Any) -> dict[str, Any]:
        found = render(payload)
        if found is UNDEFINED and not required:
            return {}
        if not isinstance(found, dict):
            raise Thrown("Validation", "Data and header of a token must be objects")
        return jsonable(found)  # type: ignore[no-any-return]  # of an object one

    return rendered


NODE = Node(type="JWTCreateNode", name="jwt-create", category="logic", compile=_compile)
