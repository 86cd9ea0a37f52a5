"""A Jupyter notebook: what it is run with, and where its results go."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from drover.model.fields import Access, Hidden, Key, Mark, Prose, QueryText, ReadOnly
from drover.model.instants import InstantText
from drover.model.kind import Kind
from drover.model.resource import Resource

_TEMPLATE = r".*\{\{.+\}\}.*"
_FileName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=rf"^((?!\.{{1,2}}\Z)[0-9a-zA-Z_.-]{{1,255}}|{_TEMPLATE})\Z",
    ),
]
_IdOrTemplate = Annotated[
    str, Meta(min_length=4, max_length=255, pattern=rf"^([A-Fa-f\d]{{24}}|{_TEMPLATE})\Z")
]
_KeyOrTemplate = Annotated[
    str, Meta(max_length=255, pattern=rf"^([0-9a-zA-Z_-]{{1,255}}|{_TEMPLATE})\Z")
]
_Text = Annotated[str, Meta(min_length=1, max_length=1024)]
_Path = Annotated[str, Meta(min_length=1, max_length=2048)]


class TagTemplate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tag of devices, whose parts may be templates."""

    key: _KeyOrTemplate | UnsetType = UNSET
    value: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET


class _Input(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="inputType",
):
    """A file that the notebook finds beside it."""

    file_name: _FileName


class _OfDevices(_Input, frozen=True, kw_only=True):
    """A file about devices: those listed, tagged so, or matching."""

    device_tags: Annotated[tuple[TagTemplate, ...], Meta(max_length=100)] | UnsetType = UNSET
    device_ids: Annotated[tuple[_IdOrTemplate, ...], Meta(max_length=100)] | UnsetType = UNSET
    query_json: QueryText | UnsetType = UNSET


class DeviceData(_OfDevices, frozen=True, kw_only=True, tag="deviceData"):
    """What devices reported; times are milliseconds, negative ones before the run."""

    start: float
    end: float
    attributes: Annotated[tuple[Key, ...], Meta(max_length=100)] | UnsetType = UNSET


class DeviceConnections(_OfDevices, frozen=True, kw_only=True, tag="deviceConnectionHistory"):
    """When devices came and went; times are milliseconds, negative ones before the run."""

    start: float
    end: float


class DeviceMetadata(_OfDevices, frozen=True, kw_only=True, tag="deviceMetadata"):
    """The devices themselves."""

    format: Literal["csv", "json"] = "csv"


class TableData(_Input, frozen=True, kw_only=True, tag="dataTable"):
    """Rows of a data table."""

    data_table_id: _IdOrTemplate
    query_json: QueryText | UnsetType = UNSET


class EventData(_Input, frozen=True, kw_only=True, tag="eventData"):
    """Events of the application."""

    query_json: QueryText | UnsetType = UNSET
    format: Literal["csv", "json"] = "csv"


class ExternalUrl(_Input, frozen=True, kw_only=True, tag="externalUrl"):
    """What is found at an address."""

    source_url: _Text


class ApplicationFile(_Input, frozen=True, kw_only=True, tag="applicationFile"):
    """A file of the application."""

    file_path: _Path
    private: bool = False


class _Output(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="outputType",
):
    """What becomes of a file that the notebook leaves."""


class ToTable(_Output, frozen=True, kw_only=True, tag="dataTable"):
    """Its rows go into a data table."""

    file_name: _FileName
    data_table_id: _IdOrTemplate
    create_missing_columns: bool = False
    truncate_existing_table: bool = False


class ToFile(_Output, frozen=True, kw_only=True, tag="file"):
    """It becomes a file of the application."""

    file_name: _FileName
    destination_file_name_template: _Text
    destination_directory_template: _Text | UnsetType = UNSET
    destination_private: bool = False


class ToDirectory(_Output, frozen=True, kw_only=True, tag="directory"):
    """All files of a folder become files of the application."""

    directory_name: _FileName
    destination_directory_template: _Text
    destination_private: bool = False


class OfRun(_Output, frozen=True, kw_only=True, tag="executionResult"):
    """The run notebook itself, or what was printed."""

    file_name: Literal[
        "result.html", "result.pdf", "result.ipynb", "result.error.log", "result.log"
    ]
    destination_directory_template: _Text | UnsetType = UNSET
    destination_file_name_template: _Text | UnsetType = UNSET
    destination_private: bool = False


class ToUrl(_Output, frozen=True, kw_only=True, tag="temporaryUrl"):
    """It can be fetched for a while."""

    file_name: _FileName


Input = (
    DeviceData
    | DeviceConnections
    | DeviceMetadata
    | TableData
    | EventData
    | ExternalUrl
    | ApplicationFile
)
Output = ToTable | ToFile | ToDirectory | OfRun | ToUrl


class Notebook(Resource, frozen=True, kw_only=True):
    """A Jupyter notebook with what it is run with."""

    name: Annotated[str, Meta(min_length=1, max_length=1024)]
    description: Prose | UnsetType = UNSET
    image_version: Literal["v1", "v2", "v3", "v4"] | UnsetType = UNSET
    inputs: Annotated[tuple[Input, ...], Meta(max_length=100)] = ()
    outputs: Annotated[tuple[Output, ...], Meta(max_length=100)] = ()
    jupyter_file_name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1024)] | UnsetType,
        Access.READ_ONLY,
        Mark.BUNDLED,
    ] = UNSET
    last_execution_requested: ReadOnly[InstantText | UnsetType] = UNSET
    blob_key: Hidden[str | UnsetType] = UNSET


KIND = Kind(
    Notebook,
    one="notebook",
    many="notebooks",
    path="notebooks",
    sortable=("name", "id", "creationDate", "lastUpdated", "lastExecutionRequested"),
    exported_as="Notebook",
    bundled_in="notebooks/{name}.yaml",
    content_beside=".ipynb",
    counted_as="notebookCount",
)
