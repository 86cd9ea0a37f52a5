-- Jobs for beacons: executions that workers outside take, do and end; their logs and settings.

ALTER TABLE execution ADD COLUMN queued_ms BIGINT;
ALTER TABLE execution ADD COLUMN picked_ms BIGINT;
ALTER TABLE execution ADD COLUMN step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN lease_ms BIGINT;
ALTER TABLE execution ADD COLUMN ends_ms BIGINT;

-- The best job of a beacon, the next one due, those that nobody has taken, those with a clock.
CREATE INDEX execution_best ON execution (queue, priority DESC, due_ms, number)
    WHERE state = 'queued' AND queue IS NOT NULL;
CREATE INDEX execution_next_due ON execution (queue, due_ms)
    WHERE state = 'queued' AND queue IS NOT NULL;
CREATE INDEX execution_unpicked ON execution (queue, number)
    WHERE picked_ms IS NULL AND queue IS NOT NULL;
CREATE INDEX execution_lease ON execution (lease_until_ms)
    WHERE lease_until_ms IS NOT NULL AND queue IS NOT NULL;
CREATE INDEX execution_ends ON execution (ends_ms) WHERE ends_ms IS NOT NULL;

-- Queued beacon jobs are many: who looks for executions of one kind does not walk over the others.
DROP INDEX execution_open;
CREATE INDEX execution_open ON execution (state, kind)
    WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling');

CREATE TABLE beacon_job (
    number          INTEGER PRIMARY KEY REFERENCES execution (number) ON DELETE CASCADE,
    user_number     BIGINT,
    user_guid       TEXT,
    tasks           TEXT NOT NULL,
    steps           BIGINT NOT NULL,
    lease_ms        BIGINT,
    labels          TEXT,
    unique_key      TEXT,
    unique_until_ms BIGINT,
    callback_url    TEXT,
    callback_due_ms BIGINT,
    callback_tries  INTEGER NOT NULL DEFAULT 0,
    log_lines       BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX beacon_job_callback ON beacon_job (callback_due_ms)
    WHERE callback_due_ms IS NOT NULL;

CREATE TABLE beacon_log (
    number BIGINT NOT NULL REFERENCES beacon_job (number) ON DELETE CASCADE,
    seq    BIGINT NOT NULL,
    at_ms  BIGINT NOT NULL,
    line   TEXT NOT NULL,
    PRIMARY KEY (number, seq)
) WITHOUT ROWID;

-- What is set for a beacon: for the jobs of one account, or of all with no owner.
CREATE TABLE beacon_setting (
    name     TEXT NOT NULL,
    owner_id TEXT NOT NULL DEFAULT '',
    paused   INTEGER NOT NULL DEFAULT 0,
    lease_ms BIGINT,
    PRIMARY KEY (name, owner_id)
) WITHOUT ROWID;
