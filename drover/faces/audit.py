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
from drover.model.errors import DroverError
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

_ENDING: Final = frozenset({"application.delete"})
_FAMILIES: Final = {
    "applicationApiTokens": "ApiToken",
    "applicationDashboards": "Dashboard",
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
    return operation.path.startswith(("/applications", "/orgs/{orgId}"))


async def _noted(operation: Operation, trail: AuditTrail, call: Call) -> Any:
    note = _note(operation, call)
    if operation.name in _ENDING:
        going = await trail.whose(call.application_id)
        note = replace(note, application=going)
    try:
        result = await operation.run(call)
    except DroverError as error:
        status = status_of(error, operation.flawed_status)
        refusal = {"type": error.code, "message": str(error)}
        trail.note(replace(note, status=status, response=refusal))
        raise
    trail.note(_answered(note, operation, result))
    return result


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
    if note.resource == "applications" and isinstance(body, bytes):
        changes["application_id"] = msgspec.json.decode(body).get("id")
    return replace(note, **changes)


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
