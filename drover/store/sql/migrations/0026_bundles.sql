-- Imports of bundles, of which an owner has one at a time; running_until_ms is null once it ended.
CREATE TABLE import_log (
    application_id   TEXT NOT NULL,
    id               TEXT PRIMARY KEY,
    owner_id         TEXT NOT NULL,
    queued_ms        BIGINT NOT NULL,
    running_until_ms BIGINT,
    document         TEXT NOT NULL
);
CREATE UNIQUE INDEX import_log_running ON import_log (owner_id) WHERE running_until_ms IS NOT NULL;
CREATE INDEX import_log_in_order ON import_log (application_id, queued_ms, id);

-- Files that may be fetched for a while, by a signed address.
CREATE TABLE download (
    id             TEXT PRIMARY KEY,
    application_id TEXT NOT NULL,
    key            TEXT NOT NULL,
    name           TEXT NOT NULL,
    expires_ms     BIGINT NOT NULL
);
CREATE INDEX download_expires ON download (expires_ms, id);
