"""A file that is fetched by an address that is signed, and good for a while."""

from __future__ import annotations

from drover.model.app_file import ALIKE, AppFile
from drover.model.kind import Kind


class PrivateFile(AppFile, frozen=True, kw_only=True):
    """A file that is fetched by an address that is signed, and good for a while."""


KIND = Kind(
    PrivateFile,
    one="privateFile",
    many="privateFiles",
    path="privateFiles",
    exported_as="PrivateFile",
    bundled_in="privateFiles.yaml",
    content_in="privateFiles",
    label="Private file",
    counted_as="privateFileCount",
    searchable=False,
    **ALIKE,
)
