-- What came of a schedule's last run; runs of resource jobs that are due by a schedule and have not
-- been asked for yet.

ALTER TABLE schedule ADD COLUMN outcome TEXT;

CREATE TABLE schedule_run (
    ref    TEXT NOT NULL,
    zone   TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    try_ms BIGINT NOT NULL,
    tries  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ref, zone, due_ms)
);
CREATE INDEX schedule_run_try ON schedule_run (try_ms);
