-- Long tasks: executions that a server runs as a whole, and whom to tell of their end.

CREATE TABLE task (
    number         BIGINT NOT NULL PRIMARY KEY REFERENCES execution (number) ON DELETE CASCADE,
    application_id TEXT,
    resource_type  TEXT NOT NULL,
    resource_id    TEXT,
    note           TEXT NOT NULL DEFAULT '',
    error_name     TEXT,
    emails         TEXT NOT NULL DEFAULT '[]',
    callback_url   TEXT,
    tell_ms        BIGINT,
    tell_tries     INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX task_application ON task (application_id, number);
CREATE INDEX task_tell ON task (tell_ms) WHERE tell_ms IS NOT NULL;
