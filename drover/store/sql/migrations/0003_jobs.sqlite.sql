-- Executions of jobs of every kind, their items, the leases items run under, the durable queue of
-- trigger firings, and schedules.

CREATE TABLE execution (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    kind             TEXT NOT NULL,
    name             TEXT NOT NULL,
    application_id   TEXT,
    owner_id         TEXT,
    job_id           TEXT,
    state            TEXT NOT NULL CHECK (state IN (
        'new', 'queued', 'running', 'paused', 'failing', 'canceling',
        'succeeded', 'failed', 'canceled')),
    detail           TEXT NOT NULL,
    error            TEXT,
    source_type      TEXT,
    source_id        TEXT,
    cancel_source_type TEXT,
    cancel_source_id TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    retry_of         BIGINT,
    unique_key       TEXT,
    requested_ms     BIGINT NOT NULL,
    due_ms           BIGINT NOT NULL,
    started_ms       BIGINT,
    completed_ms     BIGINT,
    deadline_ms      BIGINT,
    paused_until_ms  BIGINT,
    queue            TEXT,
    priority         INTEGER NOT NULL DEFAULT 0,
    worker           TEXT,
    lease_until_ms   BIGINT,
    tries            INTEGER NOT NULL DEFAULT 0,
    concurrency      INTEGER NOT NULL,
    delay_ms         BIGINT NOT NULL,
    timeout_ms       BIGINT NOT NULL,
    retry_on_timeout INTEGER NOT NULL,
    retry_on_failure INTEGER NOT NULL,
    max_retries      INTEGER NOT NULL,
    retry_delay_ms   BIGINT NOT NULL,
    total            BIGINT NOT NULL DEFAULT 0,
    claimed          BIGINT NOT NULL DEFAULT 0,
    in_flight        BIGINT NOT NULL DEFAULT 0 CHECK (in_flight >= 0),
    waiting          BIGINT NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    succeeded        BIGINT NOT NULL DEFAULT 0,
    failed           BIGINT NOT NULL DEFAULT 0,
    timed_out        BIGINT NOT NULL DEFAULT 0,
    claim_cursor     TEXT NOT NULL DEFAULT '',
    claim_after      TEXT NOT NULL DEFAULT '',
    fence            BIGINT NOT NULL DEFAULT 0,
    next_claim_ms    BIGINT NOT NULL DEFAULT 0,
    served_ms        BIGINT NOT NULL DEFAULT 0,
    accumulator      TEXT,
    report_key       TEXT,
    result           TEXT,
    CHECK ((completed_ms IS NOT NULL) = (state IN ('succeeded', 'failed', 'canceled'))),
    CHECK (succeeded + failed + timed_out + in_flight <= total)
);

CREATE UNIQUE INDEX execution_unique_key ON execution (job_id, unique_key)
    WHERE unique_key IS NOT NULL;
CREATE INDEX execution_job ON execution (job_id, number);
CREATE INDEX execution_application ON execution (application_id, number);
CREATE INDEX execution_open ON execution (state)
    WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling');

-- The key is the promise: one row, and so one final result, for each execution and resource.
-- No foreign key: checking it would double the cost of taking down a million resources.
CREATE TABLE iteration (
    execution     BIGINT NOT NULL,
    resource_id   TEXT NOT NULL,
    resource_name TEXT,
    state         INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 5),
    previous      INTEGER NOT NULL DEFAULT 0,
    attempt       INTEGER NOT NULL DEFAULT 0,
    retries       INTEGER NOT NULL DEFAULT 0,
    losses        INTEGER NOT NULL DEFAULT 0,
    fence         BIGINT NOT NULL DEFAULT 0,
    held_by       BIGINT,
    last_outcome  INTEGER,
    ready_ms      BIGINT,
    deadline_ms   BIGINT,
    started_ms    BIGINT,
    completed_ms  BIGINT,
    message       TEXT,
    accumulator   TEXT,
    PRIMARY KEY (execution, resource_id),
    CHECK (state < 3 OR completed_ms IS NOT NULL),
    CHECK ((state = 1) = (deadline_ms IS NOT NULL)),
    CHECK ((state = 2) = (ready_ms IS NOT NULL))
) WITHOUT ROWID;

-- These tell by their own columns, not by the state: an item that goes straight to its result
-- then leaves every index alone, which halves the cost of its one update.
CREATE INDEX iteration_awaiting ON iteration (execution, deadline_ms)
    WHERE deadline_ms IS NOT NULL;
CREATE INDEX iteration_waiting ON iteration (execution, ready_ms) WHERE ready_ms IS NOT NULL;

CREATE TABLE lease (
    execution  BIGINT NOT NULL REFERENCES execution (number) ON DELETE CASCADE,
    fence      BIGINT NOT NULL,
    again      INTEGER NOT NULL,
    after_id   TEXT NOT NULL,
    upto_id    TEXT NOT NULL,
    size       BIGINT NOT NULL,
    worker     TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    until_ms   BIGINT NOT NULL,
    expose_ms  BIGINT,
    PRIMARY KEY (execution, fence)
) WITHOUT ROWID;

CREATE INDEX lease_until ON lease (until_ms);

CREATE TABLE firing (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id TEXT NOT NULL,
    trigger_type   TEXT NOT NULL,
    trigger_key    TEXT NOT NULL,
    data           TEXT NOT NULL,
    root           TEXT NOT NULL,
    created_ms     BIGINT NOT NULL,
    due_ms         BIGINT NOT NULL,
    flow_id        TEXT,
    flow_version   TEXT,
    run_id         TEXT,
    execution      BIGINT,
    resource_id    TEXT,
    depth          INTEGER NOT NULL,
    tries          INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX firing_due ON firing (due_ms, number);
CREATE UNIQUE INDEX firing_run ON firing (application_id, run_id) WHERE run_id IS NOT NULL;

CREATE TABLE schedule (
    kind           TEXT NOT NULL,
    ref            TEXT NOT NULL,
    application_id TEXT,
    cron           TEXT,
    seconds        DOUBLE PRECISION,
    tz             TEXT NOT NULL,
    active         INTEGER NOT NULL,
    starts_ms      BIGINT,
    ends_ms        BIGINT,
    next_due_ms    BIGINT,
    last_due_ms    BIGINT,
    detail         TEXT NOT NULL,
    PRIMARY KEY (kind, ref)
);

CREATE INDEX schedule_due ON schedule (next_due_ms) WHERE active = 1;
