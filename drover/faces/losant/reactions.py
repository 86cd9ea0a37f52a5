"""Calls from outside that start workflows: webhooks by their token, endpoints by their route."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from drover.app.about import ServerFacts
from drover.app.endpoint_calls import NOT_FOUND, EndpointCalls
from drover.app.endpoints import Endpoints
from drover.app.experience_site import DEVELOP
from drover.app.incoming import MOST_BYTES, Incoming
from drover.app.webhooks import Webhooks
from drover.faces.operation import Answer, Call, Operation
from drover.faces.refusals import status_of
from drover.model.errors import DroverError
from drover.ports.counts import EndpointCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from drover.app.endpoints import Served
    from drover.app.experience_hosts import ExperienceHosts
    from drover.app.services import Services

WEBHOOKS: Final = "/webhooks/{token}/{path*}"
ENDPOINTS: Final = "/experiences/{applicationId}/{path*}"
SITES: Final = "/sites/{siteName}/{path*}"
"""The same by the slug or domain that shows a version."""

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TEXT: Final = "text/plain; charset=utf-8"
_GUARDS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    # What workflows answer shares its origin with the console: it may not act there.
    "content-security-policy": "sandbox allow-forms allow-scripts allow-popups",
}
_GUARDS_APART: Final = {
    name: text for name, text in _GUARDS.items() if name != "content-security-policy"
}
"""What is left of them at a host of its own, which shares nothing with the console."""


class Reply(Struct, frozen=True):
    """A workflow's reply, as it is kept."""

    status: int = 200
    headers: list[tuple[str, str]] = []
    cookies: list[str] = []
    body: str = ""


class _Calls:
    """The operations that anybody may call who knows the address."""

    def __init__(
        self, webhooks: Webhooks, endpoints: Endpoints, counted: EndpointCalls, url: str
    ) -> None:
        self._webhooks = webhooks
        self._endpoints = endpoints
        self._counted = counted
        self._url = url

    async def webhook(self, call: Call) -> Answer:
        """Start the workflows of a webhook."""
        token = call.path["token"]
        path = call.path["path"]
        url = f"{self._url}/webhooks/{token}{f'/{path}' if path else ''}"
        called = await self._webhooks.call(token, url, _incoming(call), call.left)
        if called.text is not None:
            return Answer(called.text.encode(), 204 if not called.text else 200, _GUARDS, _TEXT)
        if called.reply is not None:
            return _answer(msgspec.json.decode(called.reply, type=Reply), _WEBHOOK)
        if called.status == HTTPStatus.GATEWAY_TIMEOUT:
            return _late()
        return Answer(b'{"success":true}', called.status, _GUARDS)

    async def endpoint(self, call: Call) -> Answer:
        """Start the workflows of an application's endpoint."""
        host = urlsplit(self._url).hostname or ""
        path = f"/experiences/{call.application_id}"
        shown = _Shown(call.application_id, DEVELOP, host, path, _GUARDS)
        return await self._counting(call, shown)

    async def site(self, call: Call) -> Answer:
        """Start the workflows of an endpoint of the version that a slug or domain shows."""
        name = call.path["siteName"]
        application_id, version = await self._endpoints.named(name)
        path, guards = f"/sites/{quote(name)}", _GUARDS
        hosts, host = self._endpoints.hosts, call.headers.get("host", "")
        if await hosts.name_at(host):
            path, guards = "/", _GUARDS_APART if hosts.is_apart(host) else _GUARDS
        return await self._counting(call, _Shown(application_id, version, name, path, guards))

    async def _counting(self, call: Call, shown: _Shown) -> Answer:
        """Answer, and count what is answered."""
        endpoint_id, status = NOT_FOUND, 500
        try:
            incoming = _incoming(call)
            found = await self._endpoints.find(shown.application_id, incoming, shown.version)
            if found.match is not None:
                endpoint_id = found.match.endpoint.id
            answer = _served(await self._endpoints.call(found, incoming, call.left), shown)
            status = answer.status
        except DroverError as error:
            status = status_of(error)
            raise
        finally:
            counted = EndpointCall(
                application_id=shown.application_id,
                endpoint_id=endpoint_id,
                version=shown.version,
                domain=shown.host,
                status=status,
            )
            self._counted.note(counted)
        return answer


class _Shown(NamedTuple):
    """An application's interface in a version, by which host.

    ``path`` is what its cookies are for, ``guards`` are headers that every answer has.
    """

    application_id: str
    version: str
    host: str
    path: str
    guards: Mapping[str, str]


_WEBHOOK: Final = _Shown("", "", "", "/", _GUARDS)


def _incoming(call: Call) -> Incoming:
    return Incoming(
        method=call.method,
        path=f"/{call.path['path']}",
        headers=call.headers,
        query=call.sent_query,
        body=call.body,
    )


def _served(served: Served, shown: _Shown) -> Answer:
    if served.reply is not None:
        return _answer(msgspec.json.decode(served.reply, type=Reply), shown, served.headers)
    headers = {**served.headers, **shown.guards}
    if served.location:
        return Answer(b"", served.status, {**headers, "location": _address(served.location)}, _TEXT)
    if served.status == HTTPStatus.GATEWAY_TIMEOUT:
        late = _late()
        return Answer(late.body, late.status, headers)
    return Answer(served.text.encode("utf-8", "replace"), served.status, headers, served.media_type)


def _answer(reply: Reply, shown: _Shown, given: Mapping[str, str] | None = None) -> Answer:
    """Return a reply; its cookies count for the application's own paths alone."""
    headers = {**(given or {}), **{name.lower(): value for name, value in reply.headers}}
    media_type = headers.pop("content-type", "application/json")
    bodiless = reply.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
    return Answer(
        b"" if bodiless else reply.body.encode(),
        reply.status,
        {**headers, **shown.guards},
        media_type,
        cookies=tuple(f"{text}; Path={shown.path}" for text in reply.cookies),
    )


def _address(text: str) -> str:
    """Return a URL as a header can hold it."""
    return quote(text, safe="!#$%&'()*+,/:;=?@[]~")


def _late() -> Answer:
    told: dict[str, Any] = {"type": "Timeout", "message": "No workflow replied in time"}
    return Answer(msgspec.json.encode(told), HTTPStatus.GATEWAY_TIMEOUT, _GUARDS)


async def site_at(hosts: ExperienceHosts, host: str) -> str:
    """Return where paths begin that are asked for at a host; empty for the server itself."""
    name = await hosts.name_at(host)
    return f"/sites/{name}" if name else ""


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations that anybody may call who knows the address."""
    calls = _Calls(
        services[Webhooks],
        services[Endpoints],
        services[EndpointCalls],
        services[ServerFacts].url,
    )
    for path, run, name, summary, methods in (
        (WEBHOOKS, calls.webhook, "webhook.call", "Call a webhook", _METHODS),
        (
            ENDPOINTS,
            calls.endpoint,
            "experienceEndpoint.call",
            "Call an application's own interface",
            (*_METHODS, "OPTIONS"),
        ),
        (
            SITES,
            calls.site,
            "experienceSite.call",
            "Call an application's own interface by its slug or domain",
            (*_METHODS, "OPTIONS"),
        ),
    ):
        for method in methods:
            yield Operation(
                method=method,
                path=path,
                scopes=None,
                run=run,
                name=f"{name}.{method.lower()}",
                summary=summary,
                max_body_bytes=MOST_BYTES,
                ours=True,
            )
