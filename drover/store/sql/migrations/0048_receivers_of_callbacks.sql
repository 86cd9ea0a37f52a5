-- Whom a callback is for, so that those of one receiver that hangs hold up nobody else's. What was
-- stored before has one receiver in common.
ALTER TABLE beacon_job ADD COLUMN callback_host TEXT NOT NULL DEFAULT '-';

DROP INDEX beacon_job_callback;
CREATE INDEX beacon_job_callback ON beacon_job (callback_host, callback_due_ms)
    WHERE callback_due_ms IS NOT NULL;
