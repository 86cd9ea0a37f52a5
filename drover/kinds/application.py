"""An application: the owner of every other resource, and the wall between tenants."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from drover.model.fields import (
    Access,
    Clearable,
    CreateOnly,
    Globals,
    Id,
    Ids,
    Key,
    Mark,
    Moment,
    Name,
    PatchOnly,
    ReadOnly,
    ShortProse,
    TagFilters,
)
from drover.model.global_values import check_globals
from drover.model.kind import Kind
from drover.model.resource import Resource

Slug = Annotated[str, Meta(min_length=3, max_length=63, pattern=r"^[0-9a-z-]*\Z")]
Short = Annotated[str, Meta(max_length=255)]
Secret = Annotated[str, Meta(min_length=4, max_length=128)]
LONGEST_README: Final = 131_072
"""Characters."""
BlobUrlSeconds = Annotated[float, Meta(ge=3600, le=604_800)]
Choice = Literal["all", "whitelist", "blacklist"]


class TourStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far somebody got in an introduction."""

    name: Key
    version: float
    status: Literal["skipped", "completed"]


class S3(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An Amazon S3 bucket to archive to."""

    bucket: Short
    access_key_id: Secret | UnsetType = UNSET
    secret_access_key: Secret | UnsetType = UNSET
    region: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET


class Gcs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A Google Cloud Storage bucket to archive to."""

    bucket: Short
    project_id: Annotated[str, Meta(min_length=1, max_length=1024)] | UnsetType = UNSET
    key_json: Annotated[str, Meta(min_length=4, max_length=32767)] | UnsetType = UNSET


class Azure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An Azure blob container to archive to."""

    bucket: Annotated[str, Meta(min_length=3, max_length=63)]
    account: Annotated[str, Meta(min_length=3, max_length=24)] | UnsetType = UNSET
    account_key: Short | UnsetType = UNSET


class ExportRepository(Struct, frozen=True, kw_only=True, rename="camel"):
    """The branch and folder an export is pushed to."""

    branch: Short | UnsetType = UNSET
    directory: ShortProse | UnsetType = UNSET
    commit_message: ShortProse | UnsetType = UNSET


class ArchivedExport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What of the application itself goes into each archive."""

    credential_name: Name
    include_files: bool = False
    include_private_files: bool = False
    include_data_table_rows: bool = False
    include_devices: bool = False
    export_type: Literal["repo"] = "repo"
    repo: ExportRepository | UnsetType = UNSET


class ArchiveConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is archived each day, and where to."""

    directory: Short | UnsetType = UNSET
    mode: Choice | UnsetType = UNSET
    device_ids: Ids | UnsetType = UNSET
    device_tags: TagFilters | UnsetType = UNSET
    include_devices: bool = True
    include_events: bool = False
    include_data_tables: bool = False
    data_tables_mode: Choice | UnsetType = UNSET
    data_table_ids: Ids | UnsetType = UNSET
    include_application_export: bool = False
    application_export_options: ArchivedExport | UnsetType = UNSET
    delay_days: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    s3: S3 | UnsetType = UNSET
    credential_name: Name | UnsetType = UNSET
    gcs: Gcs | UnsetType = UNSET
    azure: Azure | UnsetType = UNSET


class Readme(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The long text that introduces an application."""

    content: str = ""
    last_updated: str | None = None
    last_updated_by_id: str | None = None
    last_updated_by_type: str | None = None


class Application(Resource, frozen=True, kw_only=True):
    """An application: the owner of every other resource, and the wall between tenants."""

    name: Name
    description: ShortProse | UnsetType = UNSET
    org_id: Annotated[CreateOnly[Id] | UnsetType, Access.WRITE_ONLY, Mark.IDS] = UNSET
    application_template_id: Annotated[CreateOnly[Id] | UnsetType, Access.WRITE_ONLY] = UNSET
    applied_template_ids: CreateOnly[Ids | UnsetType] = UNSET
    owner_id: ReadOnly[Id | UnsetType] = UNSET
    owner_type: ReadOnly[Literal["user", "organization"] | UnsetType] = UNSET
    organization_name: ReadOnly[Name | UnsetType] = UNSET
    endpoint_slug: Slug | UnsetType = UNSET
    exp_user_token_cutoff: Moment | UnsetType = UNSET
    endpoint_default_cors: bool | UnsetType = UNSET
    globals: Globals = ()
    ftue_tracking: PatchOnly[Annotated[tuple[TourStep, ...], Meta(max_length=100)] | UnsetType] = (
        UNSET
    )
    archive_config: Clearable[ArchiveConfig | UnsetType] = UNSET
    blob_url_ttl: BlobUrlSeconds | UnsetType = field(name="blobUrlTTL", default=UNSET)
    readme: Annotated[Readme | UnsetType, Access.HIDDEN] = UNSET


def check(application: Application) -> None:
    """Raise Invalid for globals that are no JSON."""
    check_globals(application.globals)


KIND = Kind(
    Application,
    one="application",
    many="applications",
    path="",
    sortable=("name", "id", "creationDate", "ownerId", "lastUpdated"),
    cli_may=frozenset({"get", "patch"}),
    table="application",
    searchable=False,
    check=check,
)
