"""Credentials of an application by their names, for what the server does with them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drover.kinds.credential import KIND, lacks_secret, revealed
from drover.model.errors import Invalid
from drover.ports.resources import Listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drover.ports.store import Session


async def credential_named(
    session: Session, application_id: str, name: str, kind: str
) -> Mapping[str, Any]:
    """Return the whole configuration of an enabled credential of a type; raises Invalid."""
    listing = Listing(sort_field="id", limit=1, within={"name": name})
    page = await session.resources.page(KIND, application_id, listing)
    found = next((each for each in page.items if each.enabled and each.type == kind), None)
    if found is not None and lacks_secret(found):
        message = f"The credential {name[:100]} lacks its secret: an import brought it in without"
        raise Invalid(message, field="credentialName")
    if found is None:
        message = f"There is no enabled credential {name[:100]} of type {kind}"
        raise Invalid(message, field="credentialName")
    return revealed(found)
