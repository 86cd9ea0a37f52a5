"""A dashboard of an application: blocks that show what its devices report."""

from __future__ import annotations

from drover.model.dashboard import Dashboard, check, settle
from drover.model.kind import Kind

KIND = Kind(
    Dashboard,
    one="applicationDashboard",
    many="applicationDashboards",
    path="dashboards",
    exported_as="Dashboard",
    bundled_in="dashboards/{name}.yaml",
    alias="dashboardId",
    counted_as="dashCount",
    settle=settle,
    check=check,
)
