"""Bundles of applications: what is remembered of one that was brought in, and of one to fetch."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

ImportSource = Literal["importBundle", "importUrl", "fromApplication", "repository"]
ImportStatus = Literal["queued", "inProgress", "completed", "errored", "failed"]


class ImportFault(Struct, frozen=True, kw_only=True):
    """Why an import ended."""

    name: str
    message: str


class ImportLog(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One import as its log shows it; moments are texts."""

    id: str
    application_id: str
    import_source_type: ImportSource
    status: ImportStatus
    run_queued_at: str
    run_started_at: str | None = None
    run_completed_at: str | None = None
    dry_run: bool | None = None
    conflict_behavior: str = ""
    include: tuple[str, ...] | None = None
    email: str | None = None
    callback_url: str | None = None
    from_application_id: str | None = None
    import_url: str | None = None
    imported_file_url: str | None = None
    credential_name: str | None = None
    repo: dict[str, Any] | None = None
    job_id: str | None = None
    source_id: str | None = None
    source_type: str | None = None
    error: ImportFault | None = None
    dry_run_results: dict[str, Any] | None = None
    validation_errors: tuple[dict[str, str], ...] | None = None
    credentials_without_secret: tuple[str, ...] | None = None
    """Ours: which credentials it brought in that somebody is to complete, by their names."""


class Download(Struct, frozen=True, kw_only=True):
    """A file that somebody may fetch for a while: its object's key, and what it is called."""

    id: str
    application_id: str
    key: str
    name: str
    expires_ms: int
