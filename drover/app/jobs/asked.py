"""What is stored of a request beside the target that the engine runs over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from drover.model.run import Target

if TYPE_CHECKING:
    from drover.model.run import Execution


class Asked(Target, frozen=True, kw_only=True, omit_defaults=True):
    """A target, and what it was made from.

    The engine reads it as a Target. ``given_query`` is the query before it was rendered, where
    that differs; ``execution_timeout`` the deadline of the whole in ms; ``retry_of`` the id of the
    execution that this one tries again; ``digest`` that of the request that came with an
    idempotency key.
    """

    given_query: str | None = None
    execution_timeout: int | None = None
    retry_of: str | None = None
    digest: str | None = None


_ASKED: Final = msgspec.json.Decoder(Asked)


def asked_of(execution: Execution) -> Asked:
    """Return what was asked for with an execution of a resource job."""
    return _ASKED.decode(execution.detail)
