"""Operations called from within the server: let in and checked like requests from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec
import structlog

from drover.faces.operation import Answer, Call
from drover.faces.refusals import Unexpected, status_of
from drover.model.access import called_from
from drover.model.errors import DroverError, Invalid, Missing, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.faces.http import Gate, HttpApp
    from drover.faces.routes import Route
    from drover.model.access import Caller

MOST_BYTES: Final = 5 * 1024 * 1024
"""Of a body, and of an answer: what a payload may hold."""

_LOG = structlog.get_logger("drover.http")
_JSON: Final = "application/json"
_READING: Final = frozenset({"GET", "DELETE"})
_ALWAYS: Final = frozenset({"_actions", "_links", "_embedded"})
_ERROR: Final = 400
_GIVEN: Final = "applicationId"
"""Always given, whether an operation asks for it or not."""


class NotServed(DroverError):
    """The operation answers in a way that no payload can hold."""

    code = "NotImplemented"


class InProcess:
    """Calls the operations that bearer tokens open; see ``drover.app.own_api.OwnApi``."""

    def __init__(self, app: HttpApp, gate: Gate) -> None:
        self._gate = gate
        self._routes = {
            route.operation.name: route
            for route in app.routes.all
            if route.face.identify is None and route.operation.scopes is not None
        }

    async def call(
        self, caller: Caller, name: str, params: Mapping[str, Any], token: str = ""
    ) -> dict[str, Any]:
        """Return ``{"result": value}`` or ``{"error": {type, statusCode, message}}``."""
        try:
            return await self._called(caller, self._found(name), params, token)
        except DroverError as error:
            return _refused(error, status_of(error))
        except Exception:  # noqa: BLE001 - as for requests: logged with its trace, answered
            _LOG.exception("call within the server failed", operation=name)
            return _refused(Unexpected("Something failed here"), 500)

    def _found(self, name: str) -> Route:
        route = self._routes.get(name)
        if route is None:
            raise Missing(f"There is no operation {name[:100]}")
        return route

    async def _called(
        self, caller: Caller, route: Route, params: Mapping[str, Any], token: str
    ) -> dict[str, Any]:
        operation = route.operation
        if token:
            # From no address that is known: one that is bound to addresses does not count here.
            caller = called_from(
                "", await self._gate.identify({"authorization": f"Bearer {token}"})
            )
        path = route.parameters([_path_text(params, each) for each in route.names])
        await self._gate.admit(caller, path.get("applicationId"), operation.scopes or frozenset())
        query, body = _parted(route, params)
        sent = urlencode(query).encode()
        call = Call(caller, path, query, body, {}, "", operation.method, sent)
        result = await operation.run(call)
        if not isinstance(result, Answer):
            document = result if isinstance(result, bytes) else msgspec.json.encode(result)
            return {"result": _decoded(document)}
        return await _told(result)


async def _told(answer: Answer) -> dict[str, Any]:
    if not isinstance(answer.body, bytes):
        if close := getattr(answer.body, "aclose", None):
            await close()
        raise NotServed("The operation answers with a stream")
    if answer.status >= _ERROR:
        error = answer.error or Unexpected("The operation failed")
        return _refused(error, answer.status)
    if answer.media_type.startswith(_JSON):
        return {"result": _decoded(answer.body) if answer.body else None}
    return {"result": answer.body.decode(errors="replace")}


def _decoded(document: bytes) -> Any:
    if len(document) > MOST_BYTES:
        raise TooLarge(f"The answer is larger than {MOST_BYTES} bytes")
    return msgspec.json.decode(document)


def _refused(error: DroverError, status: int) -> dict[str, Any]:
    return {"error": {"type": error.code, "statusCode": status, "message": error.message}}


def _path_text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str | int) or value == "":
        raise Invalid(f"{name} is required", field=name)
    return str(value)


def _parted(route: Route, params: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Return the query and the body: what neither path nor query know by its name."""
    operation = route.operation
    known = _ALWAYS.union(operation.parameters)
    meant = {*params} - {*route.names} - ({_GIVEN} - known)
    rest = {name: params[name] for name in params if name in meant}
    asked = {name: value for name, value in rest.items() if name in known}
    others = {name: value for name, value in rest.items() if name not in known}
    if operation.method in _READING:
        asked, others = {**asked, **others}, {}
    if len(others) > 1:
        raise Invalid(f"Only one of {', '.join(sorted(others))[:200]} can be the body")
    body = b"".join(msgspec.json.encode(value) for value in others.values())
    if len(body) > MOST_BYTES:
        raise TooLarge(f"The body may have {MOST_BYTES} bytes")
    query = {key: text for name, value in asked.items() for key, text in _flat(name, value)}
    return query, body


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield a parameter as clients send it: lists and objects in brackets, but for queries."""
    if value is None:
        return
    if isinstance(value, bool):
        yield name, str(value).lower()
    elif name == "query" and isinstance(value, dict):
        yield name, msgspec.json.encode(value).decode()
    elif isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in entries:
            yield from _flat(f"{name}[{key}]", each)
    else:
        yield name, str(value)
