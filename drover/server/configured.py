"""What the settings mean to each part of a server."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from obstore.exceptions import BaseError

from drover import __version__
from drover.app.about import ServerFacts
from drover.app.archives.csv_form import CSV
from drover.app.archives.parquet_form import PARQUET
from drover.app.archives.parquet_form import missing as parquet_is_missing
from drover.app.assembly import CallLimits
from drover.app.experience_hosts import OwnNames
from drover.app.inventory_bulk import BulkOperations
from drover.app.inventory_throttle import Allowance
from drover.app.jobs import assembly as jobs
from drover.app.retention import Keep
from drover.app.transfer.assembly import BundleLimits
from drover.config import SettingsError, data_folder
from drover.engine.timing import Timing
from drover.faces.http import Limits
from drover.ports.notebooks import Bounds as NotebookBounds
from drover.store.archives import ArchivePlaces
from drover.store.blobs import ObjectBlobs
from drover.store.postgres import PostgresDatabase
from drover.store.sqlite import SqliteDatabase
from drover.workers.git import GitRepositories
from drover.workers.local import WorkerSettings
from drover.workers.mail import FolderMail, SmtpMail, SmtpServer
from drover.workers.web import GuardedWeb

if TYPE_CHECKING:
    from drover.app.archives.forms import Form
    from drover.config import Settings
    from drover.engine.service import Heart
    from drover.ports.mail import Mail
    from drover.store.driver import Database
    from drover.system import RandomIds, SystemClock


FILE: Final = "drover.db"
"""What the file of SQLite is called in the data folder."""

SHOWN_LIMITS: Final = (
    "max_requests",
    "max_body_bytes",
    "body_seconds",
    "max_running_executions",
    "max_job_schedules",
    "min_schedule_seconds",
    "min_iteration_timeout_ms",
    "lease_seconds",
    "heartbeat_seconds",
    "sweep_seconds",
    "report_url_seconds",
    "digi_requests_a_minute",
    "digi_requests_at_once",
    "inventory_seconds",
    "max_waiting_beacons",
    "max_waiting_replies",
    "webhook_calls_in_10_seconds",
    "workflow_sends_in_15_seconds",
    "button_presses_in_10_seconds",
    "mqtt_messages_in_15_seconds",
    "max_running_tasks",
    "max_waiting_tasks",
    "max_waiting_beacons_of_key",
)
"""Settings that operators see among the limits of a server; none of them holds a secret."""

_REFUSING: Final = (
    "max_requests",
    "max_body_bytes",
    "body_seconds",
    "max_running_executions",
    "max_job_schedules",
    "digi_requests_a_minute",
    "digi_requests_at_once",
    "inventory_seconds",
    "max_waiting_beacons",
    "max_waiting_replies",
    "webhook_calls_in_10_seconds",
    "max_waiting_tasks",
    "max_waiting_beacons_of_key",
)


def refusing_limits_of(settings: Settings) -> dict[str, float]:
    """Return the limits that refuse requests, by the names of their settings."""
    return {name: getattr(settings, name) for name in _REFUSING}


def database_of(settings: Settings, *, migrates: bool = True) -> Database:
    """Return the database the settings name, not yet open; SQLite's is in the data folder."""
    if settings.database:
        return PostgresDatabase(settings.database, migrates=migrates)
    return SqliteDatabase(data_folder(settings) / FILE, migrates=migrates)


def timing_of(settings: Settings) -> Timing:
    """Return the clocks of the engine."""
    return Timing(
        lease_ms=int(settings.lease_seconds * 1000),
        beat_ms=int(settings.heartbeat_seconds * 1000),
        sweep_ms=int(settings.sweep_seconds * 1000),
        make_up_ms=int(settings.make_up_seconds * 1000),
        beacon_lease_ms=int(settings.beacon_lease_seconds * 1000),
    )


def limits_of(settings: Settings) -> Limits:
    """Return what the server accepts of requests."""
    return Limits(
        body_bytes=settings.max_body_bytes,
        body_seconds=settings.body_seconds,
        requests=settings.max_requests,
    )


def bundle_limits_of(settings: Settings) -> BundleLimits:
    """Return what the server takes of bundles and gives out."""
    return BundleLimits(
        bundle_bytes=settings.max_bundle_bytes,
        unpacked_bytes=settings.max_bundle_unpacked_bytes,
        download_seconds=settings.download_seconds,
    )


def job_limits_of(settings: Settings) -> jobs.JobLimits:
    """Return what resource jobs may ask for."""
    return jobs.JobLimits(
        most_open=settings.max_running_executions,
        report_url_seconds=settings.report_url_seconds,
        most_schedules=settings.max_job_schedules,
        least_seconds=settings.min_schedule_seconds,
    )


def calls_of(settings: Settings) -> CallLimits:
    """Return how often workflows may be started from outside, and how many wait for a reply."""
    return CallLimits(
        webhook_calls=settings.webhook_calls_in_10_seconds,
        messages=settings.mqtt_messages_in_15_seconds,
        connections=settings.mqtt_connections_in_15_seconds,
        sends=settings.workflow_sends_in_15_seconds,
        presses=settings.button_presses_in_10_seconds,
        waiting=settings.max_waiting_replies,
        reply_seconds=settings.reply_seconds,
    )


def keep_of(settings: Settings) -> Keep:
    """Return for how long what is kept."""
    return Keep(
        executions=settings.keep_executions_days,
        run_history=settings.keep_run_history_days,
        debug_messages=settings.keep_debug_days,
        deleted_devices=settings.keep_deleted_devices_days,
        device_log=settings.keep_device_log_days,
        audit_log=settings.keep_audit_log_days,
    )


def allowance_of(settings: Settings) -> Allowance:
    """Return how much an account may ask the inventory."""
    return Allowance(settings.digi_requests_a_minute, settings.digi_requests_at_once)


def facts_of(settings: Settings, url: str, clock: SystemClock, database: Database) -> ServerFacts:
    """Return what the server tells of itself; the database is open."""
    kind = "PostgreSQL" if settings.database else "SQLite"
    return ServerFacts(
        version=__version__,
        url=url,
        clock=clock,
        roles=settings.roles,
        store={"database": kind, **database.settings()},
        limits={name: getattr(settings, name) for name in SHOWN_LIMITS},
    )


def bulk_of(heart: Heart, ids: RandomIds) -> BulkOperations:
    """Return what goes through many jobs at a time, under the leases of this process."""
    return BulkOperations(
        heart.store, ids, heart.signals, worker=heart.worker, lease_ms=heart.timing.lease_ms
    )


def notebook_bounds_of(settings: Settings) -> NotebookBounds:
    """Return what a run of a notebook may take."""
    return NotebookBounds(
        seconds=settings.notebook_minutes * 60,
        memory_bytes=settings.notebook_memory_mb << 20,
        disk_bytes=settings.notebook_disk_mb << 20,
    )


def blobs_of(settings: Settings) -> ObjectBlobs:
    """Return the place of reports and exports, by default in the data folder."""
    place = settings.blobs or str(data_folder(settings) / "blobs")
    try:
        return ObjectBlobs(place)
    except (OSError, ValueError, BaseError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise SettingsError(f"Reports cannot be kept at {place} (blobs): {reason}") from error


def places_of(settings: Settings) -> ArchivePlaces:
    """Return the places of archives."""
    own = settings.archive_url or str(Path(settings.data_dir) / "archives")
    return ArchivePlaces(own, settings.archive_s3_endpoint)


def archive_form_of(settings: Settings) -> Form:
    """Return the form of archives' files; raises SettingsError where what writes it is missing."""
    if settings.archive_format == "csv":
        return CSV
    if parquet_is_missing():
        raise SettingsError("archive_format = parquet needs pyarrow: pip install 'drover[parquet]'")
    return PARQUET


def repositories_of(settings: Settings) -> GitRepositories:
    """Return the way to repositories."""
    return GitRepositories(
        GuardedWeb(settings.allowed_networks),
        settings.repositories,
        allows_http=settings.repositories_over_http,
        most_bytes=settings.max_bundle_bytes,
    )


def mail_of(settings: Settings) -> Mail:
    """Return how e-mails leave: by SMTP, or as files in the data folder."""
    if not settings.smtp_host:
        return FolderMail(Path(settings.data_dir) / "mail", settings.smtp_sender)
    server = SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_sender,
        user=settings.smtp_user,
        password=settings.smtp_password,
        security=settings.smtp_security,
    )
    return SmtpMail(server)


def worker_settings_of(settings: Settings, timing: Timing) -> WorkerSettings:
    """Return how the worker processes of this machine are run."""
    return WorkerSettings(
        count=settings.workers,
        handlers=tuple(settings.handlers),
        scripts="drover.sandbox.pool:cages",
        beat_s=timing.beat_ms / 2000,
        silent_s=timing.lease_ms / 2000,
        stuck_s=timing.lease_ms / 500,
        import_s=settings.handlers_seconds,
    )


def url_of(settings: Settings, port: int) -> str:
    """Return the URL that clients reach the server at."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port}"


def own_names_of(settings: Settings, url: str) -> OwnNames:
    """Return what the server itself is called, which no experience can be."""
    names = {urlsplit(url).hostname or "", settings.host, socket.gethostname(), *settings.own_hosts}
    return OwnNames(
        hosts=frozenset(each.lower() for each in names if each),
        base=settings.experience_base,
        told=bool(settings.public_url or settings.own_hosts),
    )
