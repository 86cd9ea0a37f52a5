"""An application's own interface as a whole: an example of one to begin with, and none of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from drover.app.endpoints import TRIGGER
from drover.kinds.experience_domain import KIND as DOMAIN
from drover.kinds.experience_endpoint import KIND as ENDPOINT
from drover.kinds.experience_group import KIND as GROUP
from drover.kinds.experience_slug import KIND as SLUG
from drover.kinds.experience_user import KIND as USER
from drover.kinds.experience_version import KIND as VERSION
from drover.kinds.experience_view import KIND as VIEW
from drover.kinds.flow import KIND as FLOW
from drover.model.errors import Invalid
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from drover.app.catalog import Catalog
    from drover.model.access import Caller
    from drover.model.kind import Kind
    from drover.ports.clock import Ids
    from drover.ports.store import Session, Store

BATCH: Final = 200
"""Resources that one unit of work deletes."""
MOST_EXAMPLES: Final = 100
_PASSWORD_BYTES: Final = 12
_EMAIL: Final = "example.user"
_AT: Final = "@example.com"
_GROUP: Final = "Example Group"
_LAYOUT: Final = "Example Layout"
_PAGE: Final = "Example Page"
_FLOW: Final = "Example: Home"
_BODY: Final = "<h1>It works</h1><p>This is answered by the workflow <i>Example: Home</i>.</p>"


class BootstrapOptions(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """What of an example is wanted, and whether an earlier one makes way for it."""

    replace_existing: bool = False
    create_users: bool = True
    create_groups: bool = True
    slug: str | None = None


class Cleared(Struct, frozen=True, kw_only=True):
    """What of an interface goes."""

    users: bool = True
    groups: bool = True
    slugs: bool = True
    domains: bool = True
    versions: bool = False
    views: bool = True
    endpoints: bool = True
    workflows: bool = False

    @property
    def kinds(self) -> Iterable[Kind[Any]]:
        """The kinds that go, those first that others name."""
        wanted: tuple[tuple[bool, Kind[Any]], ...] = (
            (self.endpoints, ENDPOINT),
            (self.views, VIEW),
            (self.users, USER),
            (self.groups, GROUP),
            (self.slugs, SLUG),
            (self.domains, DOMAIN),
            (self.versions, VERSION),
        )
        return [kind for goes, kind in wanted if goes]


class ExperienceWhole:
    """Begins and clears interfaces."""

    def __init__(self, store: Store, catalog: Catalog, ids: Ids) -> None:
        self._store = store
        self._catalog = catalog
        self._ids = ids

    async def bootstrap(
        self, caller: Caller, application_id: str, options: BootstrapOptions
    ) -> dict[str, str]:
        """Make an example and return how to sign in to it; raises Invalid, Duplicate.

        The names of its parts end in the suffix that is returned where an earlier one stays.
        """
        if options.slug is not None:
            await self._make(caller, application_id, SLUG, {"slug": options.slug})
        if options.replace_existing:
            await self._clear_examples(caller, application_id)
        suffix = await self._suffix(application_id)
        group_ids = []
        if options.create_groups:
            group = await self._make(caller, application_id, GROUP, {"name": f"{_GROUP}{suffix}"})
            group_ids = [group["id"]]
        made: dict[str, str] = {"resourceSuffix": suffix}
        if options.create_users:
            made["email"] = f"{_EMAIL}{suffix}{_AT}"
            made["password"] = self._ids.secret(_PASSWORD_BYTES)
            who = {"email": made["email"], "password": made["password"]}
            user = {**who, "firstName": "Example", "experienceGroupIds": group_ids}
            await self._make(caller, application_id, USER, user)
        await self._make_pages(caller, application_id, suffix)
        return made

    async def clear(self, caller: Caller, application_id: str, cleared: Cleared) -> None:
        """Delete all of the kinds named, some at a time; workflows where they answer endpoints."""
        for kind in cleared.kinds:
            await self._clear(caller, application_id, kind, lambda _each: True)
        if cleared.workflows:
            await self._clear(caller, application_id, FLOW, _answers_endpoints)

    async def _make_pages(self, caller: Caller, application_id: str, suffix: str) -> None:
        layout = {"name": f"{_LAYOUT}{suffix}", "viewType": "layout", "body": "{{{page}}}"}
        made = await self._make(caller, application_id, VIEW, layout)
        page = {"name": f"{_PAGE}{suffix}", "viewType": "page", "body": _BODY}
        await self._make(caller, application_id, VIEW, {**page, "layoutId": made["id"]})
        route = f"/{suffix.removeprefix('-')}"
        endpoint = {"route": route, "method": "get", "endpointTags": {"example": "home"}}
        answers = await self._make(caller, application_id, ENDPOINT, endpoint)
        flow = {"name": f"{_FLOW}{suffix}", **_answering(answers["id"])}
        await self._make(caller, application_id, FLOW, flow)

    async def _make(
        self, caller: Caller, application_id: str, kind: Kind[Any], body: Mapping[str, Any]
    ) -> Any:
        given = msgspec.json.encode(body)
        return msgspec.json.decode(await self._catalog.create(caller, kind, application_id, given))

    async def _suffix(self, application_id: str) -> str:
        """Return what the names of a new example end in; raises Invalid where there are many."""

        async def work(session: Session) -> set[str]:
            return {
                each[kind.named_by]
                for kind in (VIEW, GROUP, FLOW)
                for each in await _documents(session, kind, application_id, "Example*")
            }

        taken = await self._store.read(work)
        for number in range(MOST_EXAMPLES):
            suffix = f"-{number + 1}" if number else ""
            if not {f"{name}{suffix}" for name in (_LAYOUT, _PAGE, _GROUP, _FLOW)} & taken:
                return suffix
        raise Invalid("There are too many examples here; replace them", field="replaceExisting")

    async def _clear_examples(self, caller: Caller, application_id: str) -> None:
        for kind, names in ((FLOW, (_FLOW,)), (VIEW, (_PAGE, _LAYOUT)), (GROUP, (_GROUP,))):
            await self._clear(caller, application_id, kind, _begins(kind, names))
        await self._clear(
            caller,
            application_id,
            ENDPOINT,
            lambda each: (each.endpoint_tags or {}).get("example") == "home",
        )
        await self._clear(caller, application_id, USER, _is_example)

    async def _clear(
        self,
        caller: Caller,
        application_id: str,
        kind: Kind[Any],
        goes: Callable[[Any], bool],
    ) -> None:
        async def some(session: Session, after: str) -> tuple[str, int]:
            documents = await session.resources.after(kind, application_id, after, BATCH)
            ids = [msgspec.json.decode(each)["id"] for each in documents]
            for each in ids:
                found = await session.resources.lock(kind, application_id, each)
                if goes(found):
                    await self._catalog.drop(session, caller, kind, found)
            return (ids[-1] if ids else after), len(ids)

        after, count = "", BATCH
        while count == BATCH:
            after, count = await self._store.write(partial(some, after=after))


def _begins(kind: Kind[Any], names: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda each: str(getattr(each, kind.named_by)).startswith(names)


def _is_example(user: Any) -> bool:
    email: str = user.email
    return email.startswith(_EMAIL) and email.endswith(_AT)


def _answers_endpoints(flow: Any) -> bool:
    is_own = flow.flow_class == "experience"
    return is_own or any(trigger.type == TRIGGER for trigger in flow.triggers)


async def _documents(
    session: Session, kind: Kind[Any], application_id: str, pattern: str
) -> list[Any]:
    listing = Listing(
        sort_field="id", filter_field=kind.named_by, filter=pattern, limit=10 * MOST_EXAMPLES
    )
    page = await session.resources.page_bytes(kind, application_id, listing)
    return [msgspec.json.decode(each) for each in page.items]


def _answering(endpoint_id: str) -> dict[str, Any]:
    """Return the triggers and nodes of a workflow that answers an endpoint."""
    trigger = {
        "type": TRIGGER,
        "key": endpoint_id,
        "meta": {"category": "trigger", "name": "endpoint", "label": "GET /"},
        "config": {},
        "outputIds": [["reply"]],
    }
    reply = {
        "id": "reply",
        "type": "EndpointReplyNode",
        "meta": {"category": "output", "name": "endpoint-reply", "label": "Reply"},
        "config": {
            "replyType": "custom",
            "responseCodeTemplate": "200",
            "bodyTemplate": _BODY,
            "headerInfo": [{"keyTemplate": "content-type", "valueTemplate": "text/html"}],
        },
        "outputIds": [],
    }
    return {"triggers": [trigger], "nodes": [reply]}
