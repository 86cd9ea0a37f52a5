-- What workflows that react need to keep: what their nodes remember between runs, the replies that
-- requests wait for, and since when devices have been silent.

CREATE TABLE flow_memory (
    flow_id TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    node_id TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (flow_id, node_id, key)
);

-- A reply that somebody waits for until a moment; its document is empty until it is given.
CREATE TABLE awaited_reply (
    id             TEXT PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    until_ms       BIGINT NOT NULL,
    document       TEXT
);

CREATE INDEX awaited_reply_until ON awaited_reply (until_ms);

-- A clock that runs since a device's last report, for the triggers of one kind and key that wait
-- for as many seconds of silence.
CREATE TABLE silence (
    device_id      TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    type           TEXT NOT NULL,
    key            TEXT NOT NULL,
    seconds        DOUBLE PRECISION NOT NULL,
    application_id TEXT NOT NULL,
    last_ms        BIGINT NOT NULL,
    due_ms         BIGINT NOT NULL,
    PRIMARY KEY (device_id, type, key, seconds)
);

CREATE INDEX silence_due ON silence (due_ms);

-- A call of a webhook names it by its token alone.
CREATE INDEX webhook_token ON document (json_extract(document, '$.token')) WHERE kind = 'webhook';
