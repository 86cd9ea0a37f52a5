-- Who changed what of an organisation, when, and what the server answered.
-- The document holds all of it; columns repeat what lists filter and sort by. There is no foreign
-- key: what was done to a thing outlives it.
CREATE TABLE audit_entry (
    id             TEXT PRIMARY KEY,
    org_id         TEXT NOT NULL,
    at_ms          BIGINT NOT NULL,
    status         BIGINT NOT NULL,
    resource       TEXT NOT NULL,
    action         TEXT NOT NULL,
    actor_id       TEXT,
    actor_type     TEXT,
    actor_name     TEXT,
    primary_id     TEXT,
    primary_type   TEXT,
    primary_name   TEXT,
    secondary_id   TEXT,
    secondary_type TEXT,
    secondary_name TEXT,
    document       TEXT NOT NULL
);
CREATE INDEX audit_entry_by_organization ON audit_entry (org_id, at_ms, id);
CREATE INDEX audit_entry_by_age ON audit_entry (at_ms);
