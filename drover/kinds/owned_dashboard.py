"""A dashboard of a user or an organisation, over whichever of their applications it names."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

from drover.model.dashboard import Dashboard, check, settle
from drover.model.fields import Access, CreateOnly, Id, Mark, ReadOnly
from drover.model.kind import Kind


class OwnedDashboard(Dashboard, frozen=True, kw_only=True):
    """A dashboard that is kept under its owner's id, as others are under their application's.

    A new one names an organisation, an application that it is made in instead, or neither.
    """

    application_id: Annotated[Id, Access.WRITE_ONLY, Access.CREATE_ONLY, Mark.IDS] = ""
    org_id: Annotated[CreateOnly[Id] | UnsetType, Access.WRITE_ONLY, Mark.IDS] = UNSET
    owner_id: ReadOnly[Id | UnsetType] = UNSET
    owner_type: ReadOnly[Literal["user", "organization"] | UnsetType] = UNSET


KIND = Kind(
    OwnedDashboard,
    one="dashboard",
    many="dashboards",
    path="",
    sortable=("name", "id", "creationDate", "ownerId", "applicationId", "lastUpdated"),
    searchable=False,
    label="Dashboard",
    settle=settle,
    check=check,
)
