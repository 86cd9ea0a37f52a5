"""A method and route of an application's own HTTP interface: calling it starts workflows."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from drover.model.errors import Invalid
from drover.model.fields import Ids, Prose, Refers, TagMap
from drover.model.fixed_reply import FixedReply
from drover.model.kind import Kind
from drover.model.resource import Resource
from drover.model.routes import route_parts

Method = Literal["delete", "get", "options", "patch", "post", "put"]


class ExperienceEndpoint(Resource, frozen=True, kw_only=True):
    """A method and route of an application's own HTTP interface."""

    route: Annotated[str, Meta(min_length=1, max_length=1024)]
    method: Method
    description: Prose | UnsetType = UNSET
    enabled: bool = True
    access: Literal["public", "authenticated", "group", "device"] = "public"
    device_id_template: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    endpoint_tags: TagMap | UnsetType = UNSET
    experience_group_ids: Annotated[Ids, Refers("experienceGroup")] = ()
    static_reply: FixedReply | UnsetType | None = UNSET
    unauthorized_reply: FixedReply | UnsetType | None = UNSET

    @property
    def method_and_route(self) -> str:
        """What people call it: ``GET /pumps``."""
        return f"{self.method.upper()} {self.route}"


def check(endpoint: ExperienceEndpoint) -> None:
    """Raise Invalid for a route that is none."""
    if route_parts(endpoint.route) is None:
        raise Invalid(
            "A route begins with / and has parts such as name, {name} or a last {name*}",
            field="route",
        )


KIND = Kind(
    ExperienceEndpoint,
    one="experienceEndpoint",
    many="experienceEndpoints",
    path="experience/endpoints",
    sortable=("order", "route", "method", "id", "creationDate", "lastUpdated", "requestCount"),
    filterable=("route", "method"),
    default_sort="order",
    exported_as="ExperienceEndpoint",
    bundled_in="experience/develop/endpoints.yaml",
    known_by=("method", "route"),
    label="Experience endpoint",
    counted_as="experienceEndpointCount",
    named_by="method_and_route",
    check=check,
)
