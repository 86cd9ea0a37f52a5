"""Refusals in this dialect: a status, a message, and where a query is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from drover.faces.digi._accept import wants_xml
from drover.faces.digi._xml import XML, document
from drover.faces.operation import Answer
from drover.faces.refusals import headers_of
from drover.model.errors import Conflict, DroverError, Unauthorized
from drover.query.digi import BadQuery, QueryTooLong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.faces.operation import Destination

_CONFLICT = 409


def status_here(error: DroverError, status: int) -> int:
    """Return the status of an error: that of other dialects, but for conflicts."""
    return _CONFLICT if isinstance(error, Conflict) else status


def body_of(
    error: DroverError, status: int, context: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the members that tell an error."""
    body: dict[str, Any] = {
        "error_status": status_here(error, status),
        "error_message": error.message,
    }
    if isinstance(error, BadQuery | QueryTooLong):
        context = {"query": error.query, "position": error.position}
    elif context is None and error.field:
        context = {"parameter": error.field}
    if context:
        body["error_context"] = context
    return body


def refuse_at(error: DroverError, status: int, at: Destination) -> Answer:
    """Return an error in the form in which the request would be answered."""
    name = at.path.rstrip("/").rsplit("/", 1)[-1]
    as_xml = name.endswith(".xml") or (not name.endswith(".json") and wants_xml(at.headers))
    return refuse_as_xml(error, status) if as_xml else refuse_as_json(error, status)


def refuse_as_json(error: DroverError, status: int) -> Answer:
    """Return an error as JSON."""
    body = body_of(error, status)
    return Answer(msgspec.json.encode(body), body["error_status"], _headers(error))


def refuse_as_xml(error: DroverError, status: int) -> Answer:
    """Return an error as XML."""
    body = body_of(error, status)
    return Answer(document("error", body), body["error_status"], _headers(error), XML)


def _headers(error: DroverError) -> dict[str, str]:
    headers = headers_of(error)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Basic realm="ws"'
    return headers
