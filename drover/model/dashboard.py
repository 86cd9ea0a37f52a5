"""A dashboard: blocks that show what devices report."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from drover.model.errors import Invalid
from drover.model.fields import Access, Email, Id, Key, Mark, Name, Prose, ReadOnly, Url
from drover.model.resource import Resource

D = TypeVar("D", bound="Dashboard")

MOST_BLOCKS = 1000
_TITLE = Annotated[str, Meta(max_length=255)]
_PART_ID = Annotated[str, Meta(max_length=48)]

ContextType = Literal[
    "deviceAttribute", "deviceId", "deviceTag", "number", "string", "experienceUser"
]
BlockType = Literal[
    "application-list",
    "bar",
    "custom-chart",
    "custom-html",
    "dashboard-list",
    "data-table",
    "device-count",
    "device-list",
    "device-log",
    "device-state-table",
    "event-list",
    "gauge",
    "graph",
    "heatmap",
    "iframe",
    "image",
    "image-overlay",
    "indicator",
    "input",
    "map",
    "open-event-indicator",
    "pie",
    "position-chart",
    "section-header",
    "workflow-list",
]


class Block(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One block: where it stands, and what its type needs to know."""

    block_type: BlockType
    start_x: float
    start_y: float
    width: float
    height: float
    id: _PART_ID | UnsetType = UNSET
    title: _TITLE | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    application_id: Id | UnsetType = UNSET
    config: dict[str, Any] | UnsetType = UNSET


class ContextVariable(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """A value that whoever looks at the dashboard may choose."""

    name: Key
    type: ContextType
    default_value: Any
    application_id: Id | UnsetType = UNSET
    validation_enabled: bool | UnsetType = UNSET
    validation_config: dict[str, Any] | UnsetType = UNSET


class ReportConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """When, to whom and how the dashboard is sent."""

    id: _PART_ID | UnsetType = UNSET
    cron: _TITLE | UnsetType = UNSET
    to_email: Annotated[tuple[Email, ...], Meta(min_length=1, max_length=10)] | UnsetType = UNSET
    callback_url: Url | UnsetType = UNSET
    subject: _TITLE | UnsetType = UNSET
    message: Prose | UnsetType = UNSET
    theme: Literal["dark", "light"] | UnsetType = UNSET
    timezone: _TITLE | UnsetType = UNSET
    locale: Annotated[str, Meta(max_length=5)] | UnsetType = UNSET
    ctx: dict[Key, Any] | UnsetType = UNSET
    branded: bool | UnsetType = UNSET


class Dashboard(Resource, frozen=True, kw_only=True):
    """A dashboard of an application. ``refresh_rate`` is seconds; the durations are milliseconds.

    ``password`` is a hash by the time it is kept; null or nothing takes it away.
    """

    name: Name
    description: Prose | UnsetType = UNSET
    refresh_rate: Annotated[float, Meta(ge=5, le=600)] | UnsetType = UNSET
    duration: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    resolution: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    default_theme: Literal["dark", "light"] | UnsetType = UNSET
    public: bool = False
    password: Annotated[str | UnsetType, Access.WRITE_ONLY, Mark.CLEARABLE] = UNSET
    is_password_protected: ReadOnly[bool] = False
    report_configs: Annotated[tuple[ReportConfig, ...], Meta(max_length=10)] = ()
    blocks: Annotated[tuple[Block, ...], Meta(max_length=MOST_BLOCKS)] = ()
    context_configuration: Annotated[tuple[ContextVariable, ...], Meta(max_length=100)] = ()
    created_by_id: ReadOnly[str | UnsetType] = UNSET
    created_by_type: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_id: ReadOnly[str | UnsetType] = UNSET
    last_updated_by_type: ReadOnly[str | UnsetType] = UNSET


def settle(_old: D | None, new: D) -> D:
    """Return the dashboard with word of whether it has a password."""
    password = new.password or UNSET
    return structs.replace(new, password=password, is_password_protected=password is not UNSET)


def check(dashboard: Dashboard) -> None:
    """Raise Invalid where values to choose share a name."""
    names = [each.name for each in dashboard.context_configuration]
    if len(set(names)) < len(names):
        raise Invalid(
            "Each value needs a name of its own at `contextConfiguration`",
            field="contextConfiguration",
        )
