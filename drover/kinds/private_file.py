"""A file that is fetched by an address that is signed, and good for a while."""

from __future__ import annotations

from drover.model.app_file import AppFile, settled
from drover.model.kind import Kind


class PrivateFile(AppFile, frozen=True, kw_only=True):
    """A file that is fetched by an address that is signed, and good for a while."""


KIND = Kind(
    PrivateFile,
    one="privateFile",
    many="privateFiles",
    path="privateFiles",
    sortable=("lastUpdated", "type", "name", "creationDate"),
    filterable=("name",),
    default_sort="lastUpdated",
    cli_may=frozenset({"get", "post", "patch", "delete", "move"}),
    exported_as="PrivateFile",
    bundled_in="privateFiles.yaml",
    known_by=("parentDirectory", "name"),
    bundled_once=True,
    content_in="privateFiles",
    label="Private file",
    counted_as="privateFileCount",
    named_by="path",
    searchable=False,
    operations=frozenset(),  # more goes with each: see the use case of files
    settle=settled,
)
