"""Experience endpoints in use: requests to an application's own HTTP interface start workflows."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import Struct, structs

from drover.app.experience_doors import ExperienceDoors, Visitor
from drover.app.experience_hosts import ExperienceHosts, OwnNames
from drover.app.experience_origins import (
    allowed_origin,
    is_preflight,
    origin_headers,
    preflight_headers,
)
from drover.app.experience_pages import ExperiencePages, Wanted
from drover.app.experience_site import DEVELOP, Site, site_of
from drover.app.incoming import NOBODY, PUBLIC, cookies_of, data_of
from drover.app.webhooks import UNIQUE_BYTES, with_reply
from drover.flows import globals_of
from drover.flows.payload import literal
from drover.kinds.experience_domain import KIND as DOMAIN
from drover.kinds.experience_endpoint import KIND
from drover.kinds.experience_slug import KIND as SLUG
from drover.model.errors import Missing
from drover.model.routes import matched, precedence, route_parts
from drover.ports.jobs import GLOBALS, Firing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from drover.app.experience_sign_in import ExperienceSignIn
    from drover.app.incoming import Incoming
    from drover.app.replies import AwaitedReplies
    from drover.kinds.experience_endpoint import ExperienceEndpoint
    from drover.model.fixed_reply import FixedReply
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

    Left = Callable[[], Awaitable[None]]

TRIGGER: Final = "endpoint"
EXPERIENCE_USER: Final = "experienceUser"

_FOUND: Final = 302


class Served(Struct, frozen=True, kw_only=True):
    """What a call is answered with: a workflow's reply (JSON), or a text; ``headers`` with both.

    ``location`` is where the caller is to go instead.
    """

    status: int = 200
    reply: bytes | None = None
    text: str = ""
    media_type: str = "application/json"
    location: str = ""
    headers: dict[str, str] = {}


class Match(NamedTuple):
    """An endpoint that a request is meant for, and what its path gives the route's names."""

    endpoint: ExperienceEndpoint
    params: Mapping[str, str]


class Found(NamedTuple):
    """What a request is meant for: an endpoint of a site, or nothing there."""

    site: Site
    match: Match | None


class _Asked(NamedTuple):
    """A call: of which site, by whom, and what it says to workflows and pages."""

    site: Site
    incoming: Incoming
    data: dict[str, Any]
    experience: dict[str, Any]
    visitor: Visitor


class Endpoints:
    """Starts workflows when an application's own HTTP interface is called.

    ``sign_in`` says who its users are, ``pages`` renders what needs no workflow, ``hosts`` knows
    by which hosts which interface is called.
    """

    def __init__(
        self,
        store: Store,
        ids: Ids,
        replies: AwaitedReplies,
        sign_in: ExperienceSignIn,
        own: OwnNames | None = None,
    ) -> None:
        self.hosts = ExperienceHosts(store, own or OwnNames())
        self.sign_in = sign_in
        self.pages = ExperiencePages(store)
        self._doors = ExperienceDoors(store, sign_in)
        self._store = store
        self._ids = ids
        self._replies = replies

    async def named(self, name: str) -> tuple[str, str]:
        """Return application and version that a slug or domain shows; raises Missing."""
        # A domain without a dot is no way in: it would take the calls of somebody's slug.
        kind: Kind[Any] = DOMAIN if "." in name else SLUG

        async def look(session: Session) -> tuple[str, str] | None:
            found = await session.resources.by_own_name(kind, name.lower())
            if found is None or not found.version:
                return None
            return found.application_id, found.version

        shown = await self._store.glance(look)
        if shown is None:
            raise Missing("There is nothing at this name")
        return shown

    async def find(self, application_id: str, incoming: Incoming, version: str = DEVELOP) -> Found:
        """Return what a request is meant for in a version; raises Missing for no such version."""
        site = await self._store.read(lambda session: site_of(session, application_id, version))
        return Found(site, _match(site, incoming))

    async def call(self, found: Found, incoming: Incoming, left: Left) -> Served:
        """Return what a call is answered with; raises TooMany, Invalid, Unavailable, Missing."""
        site = found.site
        origin = allowed_origin(site.settings, incoming.headers)
        if is_preflight(incoming.method, incoming.headers) and found.match is None:
            return _preflight(site, incoming, origin)
        served = await self._answered(found, incoming, left)
        given = dict(site.settings.response_headers or {}) if site.settings else {}
        lower = {name.lower(): value for name, value in given.items()}
        return structs.replace(
            served, headers={**lower, **origin_headers(origin), **served.headers}
        )

    async def _answered(self, found: Found, incoming: Incoming, left: Left) -> Served:
        site, match = found
        visitor = await self._doors.visitor(site.application_id, incoming)
        if match is None:
            asked = _asked(site, incoming, None, visitor)
            return await self._fixed(asked, _of_site(site, "not_found_reply"), HTTPStatus.NOT_FOUND)
        asked = _asked(site, incoming, match, visitor)
        endpoint = match.endpoint
        if not await self._doors.lets_in(site.application_id, endpoint, visitor, asked.data):
            reply = endpoint.unauthorized_reply or _of_site(site, "unauthorized_reply")
            return await self._fixed(asked, reply, HTTPStatus.UNAUTHORIZED)
        if endpoint.static_reply:
            return await self._fixed(asked, endpoint.static_reply, HTTPStatus.OK)
        return await self._by_workflow(asked, endpoint, left)

    async def _by_workflow(self, asked: _Asked, endpoint: ExperienceEndpoint, left: Left) -> Served:
        reply_id = f"{endpoint.id}.{self._ids.secret(UNIQUE_BYTES)}"
        version = await self._store.read(lambda session: _version(session, asked, endpoint.id))
        firing = with_reply(_firing(asked, endpoint.id, version), reply_id)
        reply = await self._replies.ask(reply_id, firing, left)
        return Served(status=HTTPStatus.GATEWAY_TIMEOUT) if reply is None else Served(reply=reply)

    async def _fixed(self, asked: _Asked, reply: FixedReply | None, status: int) -> Served:
        """Return a fixed reply: a page, where to go instead, or why there is none of these."""
        if reply is None:
            return _refused(status)
        if reply.type == "redirect":
            return Served(status=reply.status_code or _FOUND, location=reply.value)
        wanted = Wanted(reply.value, asked.site.version)
        page = await self.pages.render(asked.site.application_id, wanted, _context(asked))
        text, media_type = page
        return Served(status=reply.status_code or status, text=text, media_type=media_type)


def page_context(
    experience: Any, request: Any, global_values: Any, page_data: Any
) -> dict[str, Any]:
    """Return what a page is rendered with."""
    return {
        "experience": experience,
        "request": request,
        "globals": global_values,
        "pageData": page_data,
    }


def _context(asked: _Asked) -> dict[str, Any]:
    settings = asked.site.settings
    values = globals_of(msgspec.to_builtins(settings.globals)) if settings else {}
    return page_context(asked.experience, asked.data, values, {})


def _asked(site: Site, incoming: Incoming, found: Match | None, visitor: Visitor) -> _Asked:
    data: dict[str, Any] = {
        **data_of(incoming),
        "params": dict(found.params) if found else {},
        "cookies": literal(cookies_of(incoming.headers)),
    }
    experience = {
        "endpoint": msgspec.json.decode(KIND.shown(found.endpoint)) if found else None,
        "user": visitor.shown,
        "version": site.version,
        "authInfo": dict(visitor.extra),
    }
    return _Asked(site, incoming, data, experience, visitor)


def _match(site: Site, incoming: Incoming) -> Match | None:
    """Return the endpoint whose route fits most exactly."""
    method = incoming.method.lower()
    fitting: list[tuple[tuple[int, ...], str, Match]] = []
    for endpoint in site.endpoints:
        if not endpoint.enabled or endpoint.method != method:
            continue
        parts = route_parts(endpoint.route) or ()
        params = matched(parts, incoming.path)
        if params is not None:
            fitting.append((precedence(parts), endpoint.id, Match(endpoint, params)))
    return min(fitting, key=lambda each: each[:2])[2] if fitting else None


def _preflight(site: Site, incoming: Incoming, origin: str) -> Served:
    methods = [
        each.method
        for each in site.endpoints
        if each.enabled and matched(route_parts(each.route) or (), incoming.path) is not None
    ]
    if not methods:
        return _refused(HTTPStatus.NOT_FOUND)
    headers = preflight_headers(origin, methods, incoming.headers)
    return Served(status=HTTPStatus.NO_CONTENT, headers=headers)


async def _version(session: Session, asked: _Asked, endpoint_id: str) -> str | None:
    """Return the version of the workflows that runs; None for the default one of each.

    It is the one that the caller names, or that of the site where any of them has it.
    """
    application_id, version = asked.site.application_id, asked.site.version
    wanted = asked.incoming.flow_version
    if wanted is not None or version == DEVELOP:
        return wanted
    found = await session.flows.subscribed(application_id, TRIGGER, endpoint_id, version=version)
    return version if found else None


def _firing(asked: _Asked, endpoint_id: str, version: str | None) -> Firing:
    user, settings = asked.visitor.user, asked.site.settings
    root: dict[str, Any] = {
        "triggerId": endpoint_id,
        "relayId": user.id if user else NOBODY,
        "relayType": EXPERIENCE_USER if user else PUBLIC,
        "experience": asked.experience,
    }
    if settings and settings.globals:
        root[GLOBALS] = globals_of(msgspec.to_builtins(settings.globals))
    return Firing(
        application_id=asked.site.application_id,
        trigger_type=TRIGGER,
        key=endpoint_id,
        data=msgspec.json.encode(asked.data),
        root=msgspec.json.encode(root),
        flow_version=version,
    )


def _of_site(site: Site, name: str) -> FixedReply | None:
    return getattr(site.settings, name) or None if site.settings else None


def _refused(status: int) -> Served:
    told = _TOLD[HTTPStatus(status)]
    return Served(status=status, text=msgspec.json.encode(told).decode())


_TOLD: Final = {
    HTTPStatus.UNAUTHORIZED: {"type": "Unauthorized", "message": "Sign in to see this"},
    HTTPStatus.NOT_FOUND: {"type": "NotFound", "message": "There is no endpoint at this path"},
}
