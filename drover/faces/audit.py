"""Which operations an audit log tells of, and how each is noted once it was answered."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.app.audit import INVITE, MOST_BYTES, Note
from drover.faces.operation import Answer
from drover.faces.refusals import status_of
from drover.model.audit import NOBODY, Named
from drover.model.errors import DroverError, Forbidden, Missing
from drover.model.scopes import is_read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from drover.app.audit import AuditTrail
    from drover.faces.operation import Call, Face, Operation

TARGETS: Final = {
    "apiTokenId": "ApiToken",
    "applicationCertificateAuthorityId": "ApplicationCertificateAuthority",
    "applicationCertificateId": "ApplicationCertificate",
    "applicationKeyId": "ApplicationKey",
    "credentialId": "Credential",
    "dashboardId": "Dashboard",
    "dataTableId": "DataTable",
    "deviceId": "Device",
    "deviceRecipeId": "DeviceRecipe",
    "eventId": "Event",
    "experienceDomainId": "ExperienceDomain",
    "experienceEndpointId": "ExperienceEndpoint",
    "experienceGroupId": "ExperienceGroup",
    "experienceSlugId": "ExperienceSlug",
    "experienceUserId": "ExperienceUser",
    "experienceVersionIdOrName": "ExperienceVersion",
    "experienceViewId": "ExperienceView",
    "fileId": "File",
    "flowId": "Flow",
    "integrationId": "Integration",
    "notebookId": "Notebook",
    "privateFileId": "PrivateFile",
    "resourceJobId": "ResourceJob",
    "webhookId": "Webhook",
}
"""What a part of a path names, as audit logs call it."""

TRAFFIC: Final = frozenset(
    {
        "application.mqttPublishMessage",
        "device.sendCommand",
        "device.sendState",
        "device.setConnectionStatus",
        "devices.sendCommand",
        "devices.sendState",
        "resourceJobExecution.acknowledge",
    }
)
"""What devices and workflows do all day: data, no changes of what is set up."""

_DASHBOARD: Final = "Dashboard"
_DASHBOARDS: Final = "/dashboards"
_ENDING: Final = frozenset({"application.delete"})
_FAMILIES: Final = {
    "applicationApiTokens": "ApiToken",
    "applicationDashboards": _DASHBOARD,
    "applicationCertificateAuthorities": "ApplicationCertificateAuthority",
    **{f"{name[0].lower()}{name[1:]}s": name for name in TARGETS.values()},
}


def audited(
    found: Iterable[tuple[Face, Operation]], trail: AuditTrail
) -> Iterator[tuple[Face, Operation]]:
    """Return operations as they were, those that change something noted after each call."""
    for face, operation in found:
        if is_noted(operation):
            yield face, replace(operation, run=partial(_noted, operation, trail))
        else:
            yield face, operation


def is_noted(operation: Operation) -> bool:
    """Tell whether an operation changes what belongs to an organisation, or may."""
    scopes = operation.scopes
    if scopes is None or is_read(scopes) or operation.name in TRAFFIC:
        return False
    return operation.path.startswith(("/applications", "/orgs/{orgId}", _DASHBOARDS))


async def _noted(operation: Operation, trail: AuditTrail, call: Call) -> Any:
    note = await _before(operation, trail, call)
    try:
        result = await operation.run(call)
    except DroverError as error:
        if _is_known(call, error):
            status = status_of(error, operation.flawed_status)
            refusal = {"type": error.code, "message": str(error)}
            trail.note(replace(note, status=status, response=refusal))
        raise
    trail.note(_answered(note, operation, result))
    return result


def _is_known(call: Call, error: DroverError) -> bool:
    """Tell whether a refusal is for the log: a stranger's is not, who would fill it from outside.

    Into an application the caller was let; elsewhere, only who is a member is told what is not
    allowed. What is missing is nobody's.
    """
    if isinstance(error, Missing):
        return False
    return "applicationId" in call.path or isinstance(error, Forbidden)


async def _before(operation: Operation, trail: AuditTrail, call: Call) -> Note:
    """Return what is noted of a call, with what can only be known before it."""
    note = _note(operation, call)
    if operation.name in _ENDING:
        return replace(note, application=await trail.whose(call.application_id))
    dashboard_id = call.path.get("dashboardId")
    if not operation.path.startswith(_DASHBOARDS) or dashboard_id is None:
        return note
    board = await trail.dashboard(dashboard_id)
    if board is None:
        return note
    named = Named(id=dashboard_id, type=_DASHBOARD, name=board.name)
    if board.application_id is not None:
        return replace(note, application_id=board.application_id, secondary=named)
    return replace(note, org_id=board.org_id, primary=named, secondary=NOBODY)


def _note(operation: Operation, call: Call) -> Note:
    family, _, verb = operation.name.partition(".")
    is_json = "multipart" not in call.headers.get("content-type", "")
    return Note(
        caller=call.caller,
        resource=family,
        action=verb,
        status=operation.status,
        path=call.path,
        query=call.query,
        request=_kept(call.body) if is_json else None,
        response=None,
        org_id=call.path.get("orgId"),
        application_id=call.path.get("applicationId"),
        primary=_invited(call, verb),
        secondary=_target(call, family),
    )


def _answered(note: Note, operation: Operation, result: Any) -> Note:
    status, body = operation.status, result
    if isinstance(result, Answer):
        status, body = result.status, result.body
    changes: dict[str, Any] = {"status": status, "response": _kept(body)}
    if note.resource in ("applications", "dashboards") and isinstance(body, bytes):
        changes |= _made(note, msgspec.json.decode(body))
    return replace(note, **changes)


def _made(note: Note, shown: dict[str, Any]) -> dict[str, Any]:
    """Return whose a new application or dashboard is."""
    if note.resource == "applications":
        return {"application_id": shown.get("id")}
    if "applicationId" in shown:
        return {"application_id": shown["applicationId"]}
    is_org = shown.get("ownerType") == "organization"
    named = Named(id=shown["id"], type=_DASHBOARD, name=shown["name"])
    org_id = shown["ownerId"] if is_org else None
    return {"org_id": org_id, "primary": named, "secondary": NOBODY}


def _kept(body: Any) -> Any:
    """Return a body that waits to be noted: of a large one, only its size."""
    if isinstance(body, bytes):
        small = len(body) <= MOST_BYTES
        return body if small else msgspec.json.encode({"omitted": True, "bytes": len(body)})
    return body if isinstance(body, (dict, list)) else None


def _target(call: Call, family: str) -> Named:
    for name, kind in TARGETS.items():
        if name in call.path:
            return Named(id=call.path[name], type=kind)
    return Named(type=_FAMILIES.get(family))


def _invited(call: Call, verb: str) -> Named:
    if not verb.endswith(("inviteMember", "revokeInvite")):
        return NOBODY
    return Named(id=call.query.get("inviteId"), type=INVITE)
