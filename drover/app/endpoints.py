"""Experience endpoints in use: requests to an application's own HTTP interface start workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from drover.app.incoming import NOBODY, PUBLIC, cookies_of, data_of
from drover.app.webhooks import UNIQUE_BYTES, with_reply
from drover.kinds.experience_endpoint import KIND
from drover.model.errors import Missing, Unauthorized
from drover.model.routes import matched, precedence, route_parts
from drover.ports.jobs import Firing
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from drover.app.experience_sign_in import ExperienceSignIn
    from drover.app.incoming import Incoming
    from drover.app.replies import AwaitedReplies
    from drover.kinds.experience_endpoint import ExperienceEndpoint
    from drover.model.fixed_reply import FixedReply
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

TRIGGER: Final = "endpoint"
DEVELOP: Final = "develop"
"""The version of an experience that there is."""

_ALL: Final = 2**31 - 1
_FOUND: Final = 302


class Redirected(NamedTuple):
    """That the caller is to go elsewhere, and with which status."""

    to: str
    status: int


class Match(NamedTuple):
    """An endpoint that a request is meant for, and what its path gives the route's names."""

    endpoint: ExperienceEndpoint
    params: Mapping[str, str]


class Endpoints:
    """Starts workflows when an application's own HTTP interface is called.

    ``sign_in`` says who its users are.
    """

    def __init__(
        self, store: Store, ids: Ids, replies: AwaitedReplies, sign_in: ExperienceSignIn
    ) -> None:
        self.sign_in = sign_in
        self._store = store
        self._ids = ids
        self._replies = replies

    async def find(self, application_id: str, incoming: Incoming) -> Match:
        """Return the endpoint whose route fits most exactly; raises Missing."""
        method = incoming.method.lower()

        async def look(session: Session) -> list[ExperienceEndpoint]:
            listing = Listing(sort_field="id", limit=_ALL)
            page = await session.resources.page(KIND, application_id, listing)
            return [each for each in page.items if each.enabled and each.method == method]

        fitting: list[tuple[tuple[int, ...], str, Match]] = []
        for endpoint in await self._store.read(look):
            parts = route_parts(endpoint.route) or ()
            params = matched(parts, incoming.path)
            if params is not None:
                match = Match(endpoint, params)
                fitting.append((precedence(parts), endpoint.id, match))
        if not fitting:
            raise Missing("There is no endpoint at this path")
        return min(fitting, key=lambda each: each[:2])[2]

    async def call(
        self, found: Match, incoming: Incoming, left: Callable[[], Awaitable[None]]
    ) -> bytes | Redirected | None:
        """Return a workflow's reply (JSON), None when none comes in time, or where to go.

        Raises Missing, Unauthorized, TooMany, Invalid, Unavailable.
        """
        endpoint = found.endpoint
        if endpoint.access != PUBLIC:
            return _fixed(endpoint.unauthorized_reply or None) or _refused()
        if endpoint.static_reply:
            return _fixed(endpoint.static_reply) or _no_pages()
        reply_id = f"{endpoint.id}.{self._ids.secret(UNIQUE_BYTES)}"
        return await self._replies.ask(reply_id, self._firing(found, incoming, reply_id), left)

    def _firing(self, found: Match, incoming: Incoming, reply_id: str) -> Firing:
        endpoint = found.endpoint
        data: dict[str, Any] = {
            **data_of(incoming),
            "params": found.params,
            "cookies": cookies_of(incoming.headers),
        }
        shown = msgspec.json.decode(KIND.shown(endpoint))
        root = {
            "triggerId": endpoint.id,
            "relayId": NOBODY,
            "relayType": PUBLIC,
            "experience": {"endpoint": shown, "user": None, "version": DEVELOP, "authInfo": {}},
        }
        firing = Firing(
            application_id=endpoint.application_id,
            trigger_type=TRIGGER,
            key=endpoint.id,
            data=msgspec.json.encode(data),
            root=msgspec.json.encode(root),
            flow_version=incoming.flow_version,
        )
        return with_reply(firing, reply_id)


def _fixed(reply: FixedReply | None) -> Redirected | None:
    """Return where a fixed reply sends the caller; None for none, and for a page."""
    if reply is None or reply.type != "redirect":
        return None
    return Redirected(reply.value, reply.status_code or _FOUND)


def _refused() -> Redirected:
    raise Unauthorized("This endpoint is not public")


def _no_pages() -> Redirected:
    raise Missing("Pages are not served here")
