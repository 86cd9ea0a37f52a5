"""The Digi-compatible dialect: the inventory of all jobs under ``/ws/v1/jobs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.app.access.authenticate import Authenticator
from drover.faces.digi._refusals import refuse_as_json, refuse_at
from drover.faces.digi._sign_in import SignIn
from drover.faces.operation import Face

if TYPE_CHECKING:
    from drover.app.services import Services


def FACE(services: Services) -> Face:  # noqa: N802 - the name by which faces are found
    """Return the face of a server: callers come with a password or a key on every request."""
    sign_in = SignIn(services[Authenticator])
    return Face(
        name="digi",
        prefix="/ws/",
        refuse=refuse_as_json,
        refuse_at=refuse_at,
        identify=sign_in.identify,
    )
