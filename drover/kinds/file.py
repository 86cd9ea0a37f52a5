"""A file that anybody with its address may fetch."""

from __future__ import annotations

from drover.model.app_file import ALIKE, AppFile
from drover.model.kind import Kind


class File(AppFile, frozen=True, kw_only=True):
    """A file that anybody with its address may fetch."""


KIND = Kind(
    File,
    one="file",
    many="files",
    path="files",
    exported_as="File",
    bundled_in="files.yaml",
    content_in="files",
    label="File",
    counted_as="fileCount",
    **ALIKE,
)
