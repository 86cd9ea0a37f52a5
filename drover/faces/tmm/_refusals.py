"""Refusals in this dialect: a message and a code (TMM-compatible behaviour, section 1)."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from drover.faces.operation import Answer
from drover.faces.refusals import headers_of
from drover.faces.tmm.documents import shown
from drover.model.beacon_job import JobConflict
from drover.model.errors import Conflict, DroverError, Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE: Final[Mapping[str, str]] = MappingProxyType(
    {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
)
"""Headers of every answer: a key may be in the address, and a GET may change what it shows."""

_CONFLICT: Final = 409
_CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "bad_param",
        401: "unauthorized",
        403: "forbidden",
        404: "not_found",
        405: "method_not_allowed",
        408: "timeout",
        409: "conflict",
        413: "too_large",
        429: "too_many_requests",
        503: "unavailable",
        507: "full",
    }
)


class MissingParam(Invalid):
    """A parameter that must be given is absent or blank."""

    code = "missing_param"


class BadParam(Invalid):
    """A parameter cannot be understood or breaks a limit."""

    code = "bad_param"


class UnknownAction(Invalid):
    """There is no such action for this path and method."""

    code = "unknown_action"


def refuse(error: DroverError, status: int) -> Answer:
    """Return ``{error, code}``, with the job as it stands where that is the reason."""
    if isinstance(error, Conflict):
        status = _CONFLICT
    own = isinstance(error, MissingParam | UnknownAction)
    body: dict[str, Any] = {
        "error": error.message,
        "code": error.code if own else _CODES.get(status, "internal"),
    }
    if isinstance(error, JobConflict):
        body["job"] = shown(error.job)
    return Answer(msgspec.json.encode(body), status, {**headers_of(error), **PRIVATE})
