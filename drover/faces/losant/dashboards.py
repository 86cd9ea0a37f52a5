"""Dashboards by their id alone, and reports of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from drover.app.access.admit import Gate
from drover.app.dashboard_context import WrongChoice
from drover.app.owned_dashboards import OwnedDashboards, Visitor
from drover.faces.losant import _envelope, _lists
from drover.faces.losant._jobs import enqueued
from drover.faces.operation import Answer, Call, Operation
from drover.kinds.dashboard import KIND as IN_APPLICATION
from drover.kinds.owned_dashboard import KIND
from drover.model.errors import Invalid
from drover.model.fields import Email, Key, Url
from drover.model.scopes import for_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drover.app.services import Services

_ALL: Final = "/dashboards"
_ONE: Final = f"{_ALL}/{{dashboardId}}"
_OWNERS: Final = ("Organization", "User")
_Title = Annotated[str, Meta(max_length=255)]
_Text = Annotated[str, Meta(max_length=32_767)]


class ContextTag(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tag that was chosen."""

    key: Key | UnsetType = UNSET
    value: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET


Context = dict[Key, _Text | float | int | ContextTag]


class SendReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """To whom a report goes, and what is said with it. ``time`` is milliseconds."""

    to_email: Annotated[tuple[Email, ...], Meta(min_length=1, max_length=10)] | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET
    subject: _Title | UnsetType = UNSET
    message: _Text | UnsetType = UNSET
    theme: Literal["dark", "light"] | UnsetType = UNSET
    time: float | UnsetType = UNSET
    timezone: _Title | UnsetType = UNSET
    locale: Annotated[str, Meta(max_length=5)] | UnsetType = UNSET
    ctx: Context | UnsetType = UNSET
    branded: bool | UnsetType = UNSET


class _Calls:
    """The operations; what lies behind is looked up when it is called."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def _dashboards(self) -> OwnedDashboards:
        return self._services[OwnedDashboards]

    async def page(self, call: Call) -> bytes:
        """Return one page."""
        listing = _lists.listing(call, KIND)
        org_id, application_id = call.id("orgId"), call.id("applicationId")
        found = await self._dashboards.page(call.caller, listing, org_id, application_id)
        shown = _envelope.page(KIND, call, listing, found)
        asked = {"orgId": org_id, "applicationId": application_id}
        for name, value in asked.items():
            shown = shown if value is None else _envelope.with_member(shown, name, value)
        return shown

    async def post(self, call: Call) -> bytes:
        """Create one."""
        return _envelope.one(KIND, call, await self._dashboards.create(call.caller, call.body))

    async def get(self, call: Call) -> bytes:
        """Return one."""
        visitor = await self._visitor(call)
        found = await self._dashboards.look(visitor, call.path["dashboardId"])
        return _envelope.one(KIND, call, found)

    async def patch(self, call: Call) -> bytes:
        """Change one."""
        dashboard_id = call.path["dashboardId"]
        changed = await self._dashboards.patch(call.caller, dashboard_id, call.body)
        return _envelope.one(KIND, call, changed)

    async def delete(self, call: Call) -> dict[str, bool]:
        """Delete one."""
        await self._dashboards.delete(call.caller, call.path["dashboardId"])
        return {"success": True}

    async def send_report(self, call: Call) -> Answer:
        """Send a report of one, by a job."""
        given = call.json(SendReport)
        if given.to_email is UNSET and given.callback_url is UNSET:
            raise Invalid("Either `toEmail` or `callbackUrl` is required", field="toEmail")
        dashboard_id = call.path["dashboardId"]
        wanted = {**msgspec.to_builtins(given), "dashboardId": dashboard_id}
        within = call.path.get("applicationId")
        job_id = await self._dashboards.send_report(call.caller, dashboard_id, wanted, within)
        return enqueued(job_id)

    async def validate(self, call: Call) -> Any:
        """Return what a visitor chose, or which of it cannot be chosen."""
        given: dict[str, Any] = msgspec.to_builtins(call.json(Context))
        visitor, dashboard_id = await self._visitor(call), call.path["dashboardId"]
        shown = await self._dashboards.look(visitor, dashboard_id)
        about = {"ctx": given, "dashboard": _about(call, shown)}
        try:
            about["ctx"] = await self._dashboards.context(visitor, dashboard_id, given)
        except WrongChoice as error:
            told = {"type": error.code, "message": error.message, "invalidCtxName": error.name}
            return Answer(msgspec.json.encode({**told, **about}), status=400, error=error)
        return {"success": True, **about}

    async def _visitor(self, call: Call) -> Visitor:
        known = None
        if call.headers.get("authorization"):
            known = await self._services[Gate].identify(call.headers)
        return Visitor(known, call.query.get("password", ""), call.address)


def _about(call: Call, shown: bytes) -> dict[str, Any]:
    """Return what of a dashboard goes with its context; the query says how long it looks back."""
    document = msgspec.json.decode(shown)
    names = ("id", "name", "duration", "resolution", "refreshRate")
    about = {name: document[name] for name in names if name in document}
    for name in ("duration", "resolution"):
        if call.query.get(name):
            about[name] = call.whole(name, 1, least=1)
    return about


def operations(services: Services) -> Iterator[Operation]:
    """Yield the operations on dashboards."""
    calls = _Calls(services)
    for method, path, verb, run, summary, status in (
        ("GET", _ALL, "get", calls.page, "List dashboards", 200),
        ("POST", _ALL, "post", calls.post, "Create a dashboard", 201),
        ("PATCH", _ONE, "patch", calls.patch, "Change a dashboard", 200),
        ("DELETE", _ONE, "delete", calls.delete, "Delete a dashboard", 200),
        ("POST", _ONE, "sendReport", calls.send_report, "Send a report of a dashboard", 202),
    ):
        family = KIND.many if path == _ALL else KIND.one
        bodies: dict[str, type[Struct]] = {
            "post": KIND.post_type,
            "patch": KIND.patch_type,
            "sendReport": SendReport,
        }
        lists = (*_lists.PARAMETERS, "applicationId", "orgId")
        yield Operation(
            method=method,
            path=path,
            scopes=for_operation(family, verb, _OWNERS, reads=verb == "get"),
            run=run,
            name=f"{family}.{verb}",
            summary=summary,
            status=status,
            body=bodies.get(verb),
            parameters=lists if verb == "get" else (),
        )
    yield from _open(calls)
    yield Operation(
        method="POST",
        path=f"/applications/{{applicationId}}/{IN_APPLICATION.path}/{{dashboardId}}",
        scopes=IN_APPLICATION.scopes("sendReport", reads=True),
        run=calls.send_report,
        name="applicationDashboard.sendReport",
        summary="Send a report of a dashboard of an application",
        status=202,
        body=SendReport,
    )


def _open(calls: _Calls) -> Iterator[Operation]:
    """Yield what needs no token where a dashboard is public."""
    yield Operation(
        method="GET",
        path=_ONE,
        scopes=None,
        run=calls.get,
        name="dashboard.get",
        summary="Read a dashboard",
        parameters=("password",),
    )
    yield Operation(
        method="POST",
        path=f"{_ONE}/validateContext",
        scopes=None,
        run=calls.validate,
        name="dashboard.validateContext",
        summary="Check what a visitor of a dashboard chose",
        parameters=("password", "duration", "resolution", "end"),
    )
