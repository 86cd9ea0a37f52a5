"""A batch job that runs workflows once for each resource a query matches."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from drover.model.errors import Invalid
from drover.model.fields import CreateOnly, Name, Prose, QueryText, ReadOnly, is_id
from drover.model.instants import InstantText
from drover.model.kind import Kind
from drover.model.resource import Resource

ResourceType = Literal["dataTableRow", "device", "experienceGroup", "experienceUser"]

LONGEST_ITERATION_MS: Final = 900_000


class ResourceJob(Resource, frozen=True, kw_only=True):
    """A batch job that runs workflows once for each resource a query matches.

    Delays and timeouts are milliseconds. ``max_iteration_concurrency`` takes any whole number up
    to a thousand, where the published API knows 1 and 10 alone; ``execution_timeout`` is our own.
    """

    name: Name
    resource_type: CreateOnly[ResourceType]
    description: Prose | UnsetType = UNSET
    data_table_id: Annotated[str, Meta(min_length=4, max_length=255)] | UnsetType = UNSET
    query_json: QueryText = "{}"
    default_context: Prose = "{}"
    max_iteration_concurrency: Annotated[int, Meta(ge=1, le=1000)] = 1
    iteration_delay: Annotated[int, Meta(ge=0, le=60_000)] = 0
    iteration_timeout: Annotated[int, Meta(ge=1, le=LONGEST_ITERATION_MS)] = 60_000
    execution_timeout: Annotated[int, Meta(ge=1, le=2_592_000_000)] | UnsetType = UNSET
    retry_on_timeout: bool = False
    retry_on_failure: bool = False
    max_iteration_retries: Annotated[int, Meta(ge=1, le=5)] = 1
    retry_delay: Annotated[int, Meta(ge=0, le=30_000)] = 0
    last_execution_requested: ReadOnly[InstantText | UnsetType] = UNSET


def check(job: ResourceJob) -> None:
    """Raise Invalid where rows have no table, or the table is neither an id nor a template."""
    table = job.data_table_id
    if job.resource_type == "dataTableRow" and table is UNSET:
        raise Invalid("Object missing required field `dataTableId`", field="dataTableId")
    if table is not UNSET and not (is_id(table) or "}}" in table.partition("{{")[2]):
        message = "Expected an id or a template with {{...}} at `dataTableId`"
        raise Invalid(message, field="dataTableId")


KIND = Kind(
    ResourceJob,
    one="resourceJob",
    many="resourceJobs",
    path="resource-jobs",
    sortable=(
        "name",
        "id",
        "creationDate",
        "lastUpdated",
        "lastExecutionRequested",
        "resourceType",
    ),
    filterable=("name", "resourceType"),
    patch_status=201,
    exported_as="ResourceJob",
    bundled_in="resourceJobs/{name}.yaml",
    label="Resource job",
    counted_as="resourceJobCount",
    check=check,
)
