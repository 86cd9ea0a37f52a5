"""How the calling user is shown: the account, its counts, and what was looked at lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from drover.app.access.accounts import Proof
from drover.app.access.summary import Summaries
from drover.app.applications import Applications
from drover.app.recent import RecentItems
from drover.faces.losant import _summaries, _words
from drover.faces.losant._records import Document, envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import UnsetType

    from drover.app.services import Services
    from drover.faces.operation import Call
    from drover.model.accounts import Account

PARAMETERS: Final = ("includeRecent", *_summaries.PARAMETERS)
_COUNTS: Final = ("appCount", "orgCount", "instanceCount", *_summaries.COUNTS)
_RECENT: Final = {
    "recentApplications": "application",
    "recentDashboards": "dashboard",
    "recentOrganizations": "organization",
}


class Credentials(Protocol):
    """A body with which users show that it is really them."""

    @property
    def password(self) -> str:
        """The password."""
        ...

    @property
    def two_factor_code(self) -> str | UnsetType | None:
        """The code of the second factor, where there is one."""
        ...


class Shown:
    """Shows users to themselves."""

    def __init__(self, services: Services) -> None:
        self._summaries = services[Summaries]
        self._applications = services[Applications]
        self._recent = services[RecentItems]

    async def me(self, call: Call, account: Account) -> Document:
        """Return an account as the request wants it."""
        document: dict[str, Any] = _words.account(account)
        if names := _summaries.asked(call, _COUNTS):
            document["summary"] = _summaries.chosen(await self._counts(call), names)
        if call.flag("includeRecent"):
            for member, item_type in _RECENT.items():
                found = await self._recent.all(call.caller, item_type)  # type: ignore[arg-type]
                document[member] = recent_list(item_type, None, found)
        return envelope(call, "me", document, "/me")

    async def _counts(self, call: Call) -> dict[str, int]:
        total = await self._applications.summary(call.caller)
        own = await self._summaries.of_account(call.caller)
        return {**total, **own}


def recent_list(
    item_type: str, parent_id: str | None, items: Sequence[tuple[str, str]]
) -> Document:
    """Return a list of what was looked at."""
    listed = [{"id": item_id, "name": name} for item_id, name in items]
    parent = {} if parent_id is None else {"parentId": parent_id}
    return {"itemType": item_type, **parent, "items": listed}


def proof_of(given: Credentials) -> Proof:
    """Return what a body proves."""
    return Proof(password=given.password, code=given.two_factor_code or None)
