"""The settings of a server, each with its default, its limits and what it means.

The reference page is generated from this module.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Role = Literal["api", "engine", "scheduler", "mqtt"]
ROLES: tuple[Role, ...] = ("api", "engine", "scheduler", "mqtt")
FREE_TOPICS = ("app", "data", "events", "fleet", "jobs", "my", "site", "t")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set about a server."""

    data_dir: Annotated[
        str, Meta(description="Folder of the embedded store, reports and keys (mode 0700).")
    ] = "./drover-data"
    host: Annotated[str, Meta(description="Address the HTTP server listens on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(description="Port of the HTTP server; 0 takes a free one.", ge=0, le=65535)
    ] = 8080
    mqtt_port: Annotated[int, Meta(description="Port of the MQTT listener.", ge=0, le=65535)] = 1883
    database: Annotated[
        str, Meta(description="PostgreSQL URL; empty uses SQLite in the data folder.")
    ] = ""
    nats: Annotated[
        str,
        Meta(
            description="URLs of NATS servers that are run elsewhere, with commas between them;"
            " empty: a server with the role mqtt starts one of its own."
        ),
    ] = ""
    nats_server: Annotated[
        str, Meta(description="Program of that broker; empty: the one that is installed.")
    ] = ""
    mqtt_key: Annotated[
        str,
        Meta(
            description="Secret of which the broker's keys are made, 16 characters or more, the"
            " same on all servers that share a broker; empty: one made in the data folder.",
            pattern=r"^(.{16,})?\Z",
        ),
    ] = ""
    mqtt_topics: Annotated[
        list[str],
        Meta(
            description="First levels of topics that devices may use freely, beside those that"
            " their access key lists and those that workflows wait for."
        ),
    ] = field(default_factory=lambda: list(FREE_TOPICS))
    mqtt_messages_in_15_seconds: Annotated[
        int,
        Meta(
            description="Messages of a device on one topic in 15 s, and ten times as many in all,"
            " before it is cut off; 0: any. The same on all servers.",
            ge=0,
        ),
    ] = 0
    mqtt_connections_in_15_seconds: Annotated[
        int,
        Meta(description="Devices of an application that connect in 15 s; 0: any.", ge=0),
    ] = 0
    mqtt_backlog_mb: Annotated[
        int,
        Meta(
            description="State, in MB, that may wait in the broker while the store is away; with"
            " nine tenths of it devices are sent away until there is room.",
            ge=1,
        ),
    ] = 4096
    mqtt_websocket_port: Annotated[
        int,
        Meta(
            description="Port of MQTT over websockets; 0 takes a free one, -1: none.",
            ge=-1,
            le=65535,
        ),
    ] = -1
    mqtt_tls_certificate: Annotated[
        str, Meta(description="File of the MQTT listeners' certificate; empty: no TLS.")
    ] = ""
    mqtt_tls_key: Annotated[str, Meta(description="File of that certificate's key.")] = ""
    roles: Annotated[
        list[Role],
        Meta(description="What this process does: api, engine, scheduler, mqtt.", min_length=1),
    ] = field(default_factory=lambda: list(ROLES))
    public_url: Annotated[
        str,
        Meta(description="URL that clients reach the server at, for links; empty: host and port."),
    ] = ""
    own_hosts: Annotated[
        list[str],
        Meta(
            description="Names of the server that no experience can claim; domains of experiences "
            "are answered at only where these or public_url are set."
        ),
    ] = []
    experience_base: Annotated[
        str,
        Meta(
            description="Domain below which experiences answer by their slugs (SLUG.base).",
            pattern=r"^([0-9a-z-]+(\.[0-9a-z-]+)+)?\Z",
        ),
    ] = ""
    admin_email: Annotated[
        str, Meta(description="E-mail of the administrator made on an empty store.")
    ] = "admin@drover.local"
    admin_password: Annotated[
        str, Meta(description="Password of that administrator; empty: generated and printed once.")
    ] = ""
    handlers: Annotated[
        list[str], Meta(description="Modules with functions registered by @drover.handler.")
    ] = []
    handlers_seconds: Annotated[
        float,
        Meta(description="How long the modules of handlers may take to be imported.", gt=0),
    ] = 60.0
    workers: Annotated[
        int,
        Meta(description="Worker processes that run flows; 0: one for each core.", ge=0, le=256),
    ] = 0
    script_workers: Annotated[
        int, Meta(description="Caged processes for JavaScript; 0: one for each core.", ge=0, le=256)
    ] = 0
    lease_seconds: Annotated[
        float,
        Meta(description="How long a worker may be silent before its work is handed on.", gt=0),
    ] = 30.0
    heartbeat_seconds: Annotated[
        float, Meta(description="How often a worker renews its leases.", gt=0)
    ] = 10.0
    sweep_seconds: Annotated[
        float, Meta(description="How often timeouts and lost leases are looked for.", gt=0)
    ] = 5.0
    min_iteration_timeout_ms: Annotated[
        int, Meta(description="Least iteration timeout a job may ask for, in ms.", ge=1, le=900_000)
    ] = 60_000
    max_running_executions: Annotated[
        int,
        Meta(description="Executions of one job that may be unfinished at once (429 above).", ge=1),
    ] = 100
    max_job_schedules: Annotated[
        int, Meta(description="Schedules that one resource job may have (429 above).", ge=1)
    ] = 100
    min_schedule_seconds: Annotated[
        float, Meta(description="Shortest interval of a schedule given in seconds.", gt=0)
    ] = 60.0
    make_up_seconds: Annotated[
        float,
        Meta(
            description="How long ago a scheduled run that no server was there for may have been"
            " due to be made up for; 0: never.",
            ge=0,
        ),
    ] = 3600.0
    beacon_lost_seconds: Annotated[
        float,
        Meta(
            description="How long a beacon's worker may be silent before it is shown as lost;"
            " one that waits for a job may be so for 60 s.",
            gt=0,
        ),
    ] = 90.0
    max_body_bytes: Annotated[
        int, Meta(description="Largest request body accepted, in bytes (413 above).", ge=1024)
    ] = 5_242_880
    body_seconds: Annotated[
        float, Meta(description="How long a request's body may take to come (408 after).", gt=0)
    ] = 30.0
    max_requests: Annotated[
        int, Meta(description="Requests served at once; more are answered with 503.", ge=1)
    ] = 1_000
    digi_requests_a_minute: Annotated[
        int,
        Meta(
            description="Requests of an account to /ws in a minute, in windows of ten seconds"
            " (429 above); 0: no limit. The vendor's is 240.",
            ge=0,
        ),
    ] = 0
    digi_requests_at_once: Annotated[
        int,
        Meta(
            description="Requests of an account to /ws served at once (429 above); 0: no limit."
            " The vendor's is 4.",
            ge=0,
        ),
    ] = 0
    inventory_seconds: Annotated[
        float,
        Meta(
            description="How long a page, a count or a bulk verb of the inventory may look for"
            " jobs that no index finds, its wait for others included (503 after).",
            gt=0,
        ),
    ] = 20.0
    events_in_15_seconds: Annotated[
        int,
        Meta(
            description="Events that one application may raise in 15 seconds (429 above), counted"
            " by each server; 0: no limit. The vendor's is 15.",
            ge=0,
        ),
    ] = 0
    webhook_calls_in_10_seconds: Annotated[
        int,
        Meta(
            description="Calls of one webhook in 10 seconds (429 above), counted by each server;"
            " 0: no limit.",
            ge=0,
        ),
    ] = 100
    workflow_sends_in_15_seconds: Annotated[
        int,
        Meta(
            description="Messages on a topic, commands to and reports for a device that workflows"
            " send in 15 seconds, counted by each server; 0: no limit. The vendor's is 30.",
            ge=0,
        ),
    ] = 0
    button_presses_in_10_seconds: Annotated[
        int,
        Meta(
            description="Presses of one button by workflows in 10 seconds, counted by each server;"
            " 0: no limit. The vendor's is 100.",
            ge=0,
        ),
    ] = 0
    max_waiting_replies: Annotated[
        int,
        Meta(
            description="Calls of webhooks and endpoints that may wait for a workflow's reply at"
            " once (429 above). With `max_waiting_beacons` no more than four fifths of"
            " `max_requests`, so that others are served; else both are less, in proportion.",
            ge=0,
        ),
    ] = 300
    reply_seconds: Annotated[
        float, Meta(description="How long such a call waits for a reply (504 after).", gt=0)
    ] = 60.0
    allowed_networks: Annotated[
        list[str],
        Meta(
            description="Private networks (CIDR) that workflows, imports and callbacks may reach"
            " over HTTP all the same."
        ),
    ] = []
    blobs: Annotated[
        str,
        Meta(
            description="Where reports and exports are kept: a folder, or a URL such as"
            " s3://bucket/prefix; empty: the data folder. Servers that share a database share it."
        ),
    ] = ""
    report_key: Annotated[
        str,
        Meta(
            description="Secret that signs reports' URLs, 16 characters or more, the same on all"
            " servers that share a database; empty: one made in the data folder.",
            pattern=r"^(.{16,})?\Z",
        ),
    ] = ""
    report_url_seconds: Annotated[
        int, Meta(description="How long a report's signed URL is valid.", ge=60)
    ] = 604_800
    max_bundle_bytes: Annotated[
        int, Meta(description="Bytes of a bundle that is imported.", ge=1000)
    ] = 100_000_000
    max_bundle_unpacked_bytes: Annotated[
        int, Meta(description="Bytes of all files of a bundle when unpacked.", ge=1000)
    ] = 1_000_000_000
    repositories: Annotated[
        str,
        Meta(
            description="Folder whose bare git repositories applications may be exported to, as"
            " file:// addresses; empty: none."
        ),
    ] = ""
    repositories_over_http: Annotated[
        bool,
        Meta(description="Export to git repositories over plain HTTP, too: passwords can be read."),
    ] = False
    download_seconds: Annotated[
        int, Meta(description="How long exports are kept and their signed URLs valid.", ge=60)
    ] = 86_400
    keep_executions_days: Annotated[
        float,
        Meta(
            description="Days that executions are kept after their end, with their iterations, logs"
            " and report files; 0: for ever.",
            ge=0,
        ),
    ] = 90
    keep_run_history_days: Annotated[
        float,
        Meta(
            description="Days that counts and errors of workflows' runs are kept; 0: for ever.",
            ge=0,
        ),
    ] = 30
    keep_debug_days: Annotated[
        float,
        Meta(description="Days that debug messages of workflows are kept; 0: for ever.", ge=0),
    ] = 7
    keep_deleted_devices_days: Annotated[
        float,
        Meta(
            description="Days in which a deleted device can be restored; then it is gone with its"
            " state and logs; 0: for ever.",
            ge=0,
        ),
    ] = 30
    keep_device_log_days: Annotated[
        float,
        Meta(
            description="Days that commands to devices, and their comings and goings, are kept;"
            " 0: for ever.",
            ge=0,
        ),
    ] = 90
    keep_audit_log_days: Annotated[
        float,
        Meta(description="Days that audit logs of organizations are kept; 0: for ever.", ge=0),
    ] = 365
    retention_seconds: Annotated[
        float, Meta(description="How often what is past its time is looked for.", gt=0)
    ] = 60.0
    beacon_lease_seconds: Annotated[
        float,
        Meta(
            description="How long a beacon may be silent before its job is queued again, where"
            " neither the job, the beacon's setting nor the pickup says; 0: for ever.",
            ge=0,
        ),
    ] = 300.0
    max_waiting_beacons: Annotated[
        int,
        Meta(
            description="Requests that may wait for a beacon job at once (429 above), or for a"
            " cancel of one, where those for a job leave places. With `max_waiting_replies` no"
            " more than four fifths of `max_requests`.",
            ge=0,
        ),
    ] = 500
    max_waiting_beacons_of_key: Annotated[
        int,
        Meta(
            description="How many of them may wait with one key (429 above), so that nobody takes"
            " up all places.",
            ge=0,
        ),
    ] = 300
    beacon_time_zone: Annotated[
        str, Meta(description="Time zone (IANA name) of the cron fields of scheduled beacon jobs.")
    ] = "UTC"
    callback_key: Annotated[
        str,
        Meta(
            description="Secret that signs the callbacks of beacon jobs, 16 characters or more, the"
            " same on all servers that share a database; empty: one made in the data folder.",
            pattern=r"^(.{16,})?\Z",
        ),
    ] = ""
    archive_url: Annotated[
        str,
        Meta(
            description="Where archives are kept whose application names no bucket: a folder, or a"
            " URL such as s3://bucket/prefix; empty: the folder `archives` of the data folder."
        ),
    ] = ""
    archive_format: Annotated[
        Literal["csv", "parquet"],
        Meta(description="Form of archives' files: gzip CSV or, with `drover[parquet]`, Parquet."),
    ] = "csv"
    archive_s3_endpoint: Annotated[
        str,
        Meta(
            description="Address of the S3 service that buckets of applications' archives are in,"
            " such as https://minio.example.com; empty: Amazon's."
        ),
    ] = ""
    max_running_tasks: Annotated[
        int,
        Meta(
            description="Long tasks (exports, imports, archives) that this server runs at a time.",
            ge=1,
            le=64,
        ),
    ] = 2
    notebook_minutes: Annotated[
        float, Meta(description="Minutes that a notebook may run for.", gt=0, le=1440)
    ] = 60
    notebook_memory_mb: Annotated[
        int,
        Meta(
            description="Address space of each process of a notebook, in MB; Python with its"
            " libraries takes some hundreds.",
            ge=512,
        ),
    ] = 2048
    notebook_disk_mb: Annotated[
        int, Meta(description="What a notebook's run may have on the disk, in MB.", ge=1)
    ] = 1024
    notebooks_uncaged: Annotated[
        bool,
        Meta(
            description="Run notebooks even where the machine cannot shut them away: their authors"
            " then reach whatever the server reaches."
        ),
    ] = False
    max_waiting_tasks: Annotated[
        int,
        Meta(description="Long tasks of one application that may be unfinished (429 above).", ge=1),
    ] = 100
    smtp_host: Annotated[
        str,
        Meta(
            description="SMTP server that e-mails are handed to; empty: they are written as files"
            " into the folder `mail` of the data folder."
        ),
    ] = ""
    smtp_port: Annotated[int, Meta(description="Port of the SMTP server.", ge=1, le=65535)] = 587
    smtp_user: Annotated[
        str, Meta(description="Name to sign in to the SMTP server with; empty: none.")
    ] = ""
    smtp_password: Annotated[str, Meta(description="Password of that name.")] = ""
    smtp_security: Annotated[
        Literal["none", "starttls", "tls"],
        Meta(description="How the connection to the SMTP server is protected."),
    ] = "starttls"
    smtp_sender: Annotated[str, Meta(description="Address that e-mails come from.")] = (
        "drover@localhost"
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least level that is logged."),
    ] = "info"
    log_format: Annotated[
        Literal["json", "console"],
        Meta(description="One JSON object a line, or lines for a person."),
    ] = "console"
