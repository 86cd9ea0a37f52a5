-- What a change of the clock does to a schedule, whether it makes up for a missed moment, and what
-- it belongs to; schedules of workflows have been named by the workflow's id and a key.

ALTER TABLE schedule ADD COLUMN clock_change TEXT NOT NULL DEFAULT 'moved';
ALTER TABLE schedule ADD COLUMN makes_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE schedule ADD COLUMN owner TEXT NOT NULL DEFAULT '';
UPDATE schedule SET owner = substr(ref, 1, 24);
CREATE INDEX schedule_owner ON schedule (kind, owner);
CREATE INDEX schedule_application ON schedule (application_id);
