"""Who calls an application's own interface, and which endpoints let them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from drover.app.experience_sign_in import groups_of
from drover.app.incoming import PUBLIC, cookies_of
from drover.flows.language import LanguageError, RenderLimit, compile_template
from drover.kinds.device import KIND as DEVICE
from drover.kinds.experience_group import KIND as GROUP
from drover.kinds.experience_user import KIND as USER
from drover.model.fields import is_id
from drover.ports.resources import Listing
from drover.query.kinds import DEVICES
from drover.query.losant import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.app.experience_sign_in import ExperienceSignIn
    from drover.app.incoming import Incoming
    from drover.kinds.experience_endpoint import ExperienceEndpoint
    from drover.kinds.experience_user import ExperienceUser
    from drover.ports.store import Session, Store

COOKIE: Final = "authorization"

_SCHEME: Final = "bearer "


class Visitor(NamedTuple):
    """Who calls: an experience user who signed in, or nobody who is known."""

    user: ExperienceUser | None = None
    extra: Mapping[str, Any] = {}

    @property
    def shown(self) -> dict[str, Any] | None:
        """The user as workflows and pages see them."""
        if self.user is None:
            return None
        shown: dict[str, Any] = msgspec.json.decode(USER.shown(self.user))
        return {**shown, "experienceUserId": self.user.id}


class ExperienceDoors:
    """Tells who visitors are, and lets them in or not."""

    def __init__(self, store: Store, sign_in: ExperienceSignIn) -> None:
        self._store = store
        self._sign_in = sign_in

    async def visitor(self, application_id: str, incoming: Incoming) -> Visitor:
        """Return who calls, by the token in the header ``Authorization`` or the cookie of it."""
        token = _token(incoming.headers)
        signed = await self._sign_in.by_token(application_id, token) if token else None
        return Visitor() if signed is None else Visitor(signed.user, signed.extra)

    async def lets_in(
        self,
        application_id: str,
        endpoint: ExperienceEndpoint,
        visitor: Visitor,
        data: Mapping[str, Any],
    ) -> bool:
        """Tell whether an endpoint of an application lets a visitor in.

        ``data`` is what the request says.
        """
        user = visitor.user
        if endpoint.access == PUBLIC:
            return True
        if user is None:
            return False
        if endpoint.access == "authenticated":
            return True
        if endpoint.access == "group":
            return await self._store.read(
                lambda session: _by_group(session, application_id, endpoint, user.id)
            )
        device_id = _device(endpoint, data)
        return await self._store.read(
            lambda session: _by_device(session, application_id, device_id, user.id)
        )


def _token(headers: Mapping[str, str]) -> str:
    given = headers.get("authorization", "") or unquote(cookies_of(headers).get(COOKIE, ""))
    if given[: len(_SCHEME)].lower() == _SCHEME:
        given = given[len(_SCHEME) :]
    return given.strip()


async def _by_group(
    session: Session, application_id: str, endpoint: ExperienceEndpoint, user_id: str
) -> bool:
    """Tell whether a user is in a group that the endpoint lists, or that lists the endpoint."""
    own = await groups_of(session, application_id, user_id)
    if not own.isdisjoint(endpoint.experience_group_ids):
        return True
    for group_id in sorted(own):
        group = await session.resources.get(GROUP, application_id, group_id)
        if endpoint.id in group.experience_endpoint_ids:
            return True
    return False


async def _by_device(session: Session, application_id: str, device_id: str, user_id: str) -> bool:
    """Tell whether a user's groups own a device."""
    if not is_id(device_id):
        return False
    query = parse({"id": device_id.lower(), "experienceUserId": user_id}, DEVICES)
    listing = Listing(sort_field="id", limit=1, query=query)
    page = await session.resources.page_bytes(DEVICE, application_id, listing)
    return bool(page.items)


def _device(endpoint: ExperienceEndpoint, data: Mapping[str, Any]) -> str:
    """Return the device that a request is about; empty where the template gives none."""
    try:
        rendered = compile_template(endpoint.device_id_template or "")({"data": data, **data})
    except (LanguageError, RenderLimit):
        return ""
    return rendered.strip()
