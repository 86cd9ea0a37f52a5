"""A file that anybody with its address may fetch."""

from __future__ import annotations

from drover.model.app_file import AppFile, settled
from drover.model.kind import Kind


class File(AppFile, frozen=True, kw_only=True):
    """A file that anybody with its address may fetch."""


KIND = Kind(
    File,
    one="file",
    many="files",
    path="files",
    sortable=("lastUpdated", "type", "name", "creationDate"),
    filterable=("name",),
    default_sort="lastUpdated",
    cli_may=frozenset({"get", "post", "patch", "delete", "move"}),
    exported_as="File",
    bundled_in="files.yaml",
    known_by=("parentDirectory", "name"),
    bundled_once=True,
    content_in="files",
    label="File",
    counted_as="fileCount",
    named_by="path",
    operations=frozenset(),  # more goes with each: see the use case of files
    settle=settled,
)
