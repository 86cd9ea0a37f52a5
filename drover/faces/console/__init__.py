"""The operators' console: pages for people under ``/console``, made on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drover.faces.console._refusals import refuse_as_text, refuse_at
from drover.faces.console._session import OWN, Cookies
from drover.faces.operation import Face

if TYPE_CHECKING:
    from drover.app.services import Services

PREFIX = "/console"


def FACE(services: Services) -> Face:  # noqa: N802 - the name by which faces are found
    """Return the face of a server: callers come with the cookie that signing in gave them."""
    return Face(
        name="console",
        prefix=PREFIX,
        refuse=refuse_as_text,
        refuse_at=refuse_at,
        identify=Cookies(services).identify,
        cookies=OWN,
        described=False,
    )
