-- What a change of the clock does to a schedule, whether it makes up for a missed moment, what came
-- of its last run, and what it belongs to (schedules of workflows have been named by the workflow's
-- id and a key); runs of resource jobs that are due by a schedule and have not been asked for yet.

ALTER TABLE schedule ADD COLUMN clock_change TEXT NOT NULL DEFAULT 'moved';
ALTER TABLE schedule ADD COLUMN makes_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE schedule ADD COLUMN outcome TEXT;
ALTER TABLE schedule ADD COLUMN owner TEXT NOT NULL DEFAULT '';
UPDATE schedule SET owner = substr(ref, 1, 24);
CREATE INDEX schedule_owner ON schedule (kind, owner);
CREATE INDEX schedule_application ON schedule (application_id);

CREATE TABLE schedule_run (
    ref    TEXT NOT NULL,
    zone   TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    try_ms BIGINT NOT NULL,
    tries  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ref, zone, due_ms)
);
CREATE INDEX schedule_run_try ON schedule_run (try_ms);
