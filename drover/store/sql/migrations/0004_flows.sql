-- What workflows keep between runs, and what became of their runs.

CREATE TABLE flow_storage (
    flow_id TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (flow_id, key)
);

-- Counts of runs, one row for each minute in which a version ran.
CREATE TABLE flow_count (
    flow_id         TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    minute_ms       BIGINT NOT NULL,
    version         TEXT NOT NULL,
    runs            BIGINT NOT NULL,
    paths_completed BIGINT NOT NULL,
    paths_failed    BIGINT NOT NULL,
    wall_ms         DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (flow_id, minute_ms, version)
);

-- The last errors and debug messages of each workflow; seq counts them.
CREATE TABLE flow_note (
    flow_id  TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    topic    TEXT NOT NULL CHECK (topic IN ('error', 'debug')),
    seq      BIGINT NOT NULL,
    time_ms  BIGINT NOT NULL,
    version  TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (flow_id, topic, seq)
);
