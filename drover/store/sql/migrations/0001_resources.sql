-- Resources of every kind, what they are found by, and what devices report.

CREATE TABLE application (
    id         TEXT PRIMARY KEY,
    owner_type TEXT NOT NULL CHECK (owner_type IN ('user', 'organization')),
    owner_id   TEXT NOT NULL,
    name       TEXT NOT NULL,
    slug       TEXT UNIQUE,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    apart      TEXT,
    document   TEXT NOT NULL
);
CREATE INDEX application_owner ON application (owner_id, name, id);

-- Quiet kinds share one table: a new kind needs no migration.
CREATE TABLE document (
    kind           TEXT NOT NULL,
    application_id TEXT NOT NULL,
    parent_id      TEXT,
    id             TEXT NOT NULL,
    name           TEXT NOT NULL,
    created_ms     BIGINT NOT NULL,
    updated_ms     BIGINT NOT NULL,
    apart          TEXT,
    document       TEXT NOT NULL,
    PRIMARY KEY (application_id, kind, id)
);
CREATE INDEX document_name ON document (application_id, kind, name, id);

CREATE TABLE device (
    application_id     TEXT NOT NULL,
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL,
    device_class       TEXT NOT NULL,
    parent_id          TEXT,
    gateway_id         TEXT,
    created_ms         BIGINT NOT NULL,
    updated_ms         BIGINT NOT NULL,
    connected          INTEGER CHECK (connected IN (0, 1)),
    connection_ms      BIGINT,
    connected_at_ms    BIGINT,
    disconnected_at_ms BIGINT,
    deleted_ms         BIGINT,
    document           TEXT NOT NULL
);
CREATE INDEX device_name ON device (application_id, name, id) WHERE deleted_ms IS NULL;
CREATE INDEX device_in_order ON device (application_id, id) WHERE deleted_ms IS NULL;
CREATE INDEX device_deleted ON device (application_id, id) WHERE deleted_ms IS NOT NULL;
CREATE INDEX device_parent ON device (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX device_gateway ON device (gateway_id) WHERE gateway_id IS NOT NULL;

CREATE TABLE device_tag (
    application_id TEXT NOT NULL,
    device_id      TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    key            TEXT NOT NULL,
    value          TEXT NOT NULL,
    PRIMARY KEY (device_id, key, value)
);
CREATE INDEX device_tag_pair ON device_tag (application_id, key, value, device_id);

CREATE TABLE device_ancestor (
    device_id   TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    ancestor_id TEXT NOT NULL,
    PRIMARY KEY (device_id, ancestor_id)
);
CREATE INDEX device_descendant ON device_ancestor (ancestor_id, device_id);

CREATE TABLE device_attribute (
    application_id TEXT NOT NULL,
    device_id      TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    name           TEXT NOT NULL,
    data_type      TEXT NOT NULL,
    PRIMARY KEY (device_id, name)
);
CREATE INDEX device_attribute_name ON device_attribute (application_id, name, device_id);

-- What devices reported: one row for each attribute and millisecond, the value as JSON.
CREATE TABLE device_state (
    device_id  TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    attribute  TEXT NOT NULL,
    time_ms    BIGINT NOT NULL,
    value      TEXT NOT NULL,
    relay_id   TEXT,
    relay_type TEXT,
    PRIMARY KEY (device_id, attribute, time_ms)
);
CREATE INDEX device_state_time ON device_state (device_id, time_ms);

-- The newest report of each attribute.
CREATE TABLE device_last (
    device_id  TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    attribute  TEXT NOT NULL,
    time_ms    BIGINT NOT NULL,
    value      TEXT NOT NULL,
    relay_id   TEXT,
    relay_type TEXT,
    PRIMARY KEY (device_id, attribute)
);

-- Commands sent to devices and their comings and goings, as answers show them.
CREATE TABLE device_log (
    device_id TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    topic     TEXT NOT NULL CHECK (topic IN ('command', 'connection')),
    id        TEXT NOT NULL,
    time_ms   BIGINT NOT NULL,
    document  TEXT NOT NULL,
    PRIMARY KEY (device_id, topic, time_ms, id)
);

CREATE TABLE table_row (
    application_id TEXT NOT NULL,
    table_id       TEXT NOT NULL,
    id             TEXT PRIMARY KEY,
    created_ms     BIGINT NOT NULL,
    updated_ms     BIGINT NOT NULL,
    document       TEXT NOT NULL
);
CREATE INDEX table_row_in_order ON table_row (table_id, created_ms, id);
CREATE INDEX table_row_application ON table_row (application_id);

-- The values of unique columns, as JSON.
CREATE TABLE table_value (
    table_id    TEXT NOT NULL,
    column_name TEXT NOT NULL,
    value       TEXT NOT NULL,
    row_id      TEXT NOT NULL REFERENCES table_row (id) ON DELETE CASCADE,
    PRIMARY KEY (table_id, column_name, value)
);
CREATE INDEX table_value_row ON table_value (row_id);

CREATE TABLE event (
    application_id TEXT NOT NULL,
    id             TEXT PRIMARY KEY,
    subject        TEXT NOT NULL,
    level          TEXT NOT NULL,
    state          TEXT NOT NULL,
    device_id      TEXT,
    source_type    TEXT,
    source_id      TEXT,
    created_ms     BIGINT NOT NULL,
    updated_ms     BIGINT NOT NULL,
    document       TEXT NOT NULL
);
CREATE INDEX event_in_order ON event (application_id, created_ms, id);
CREATE INDEX event_state ON event (application_id, state, level);

CREATE TABLE event_tag (
    application_id TEXT NOT NULL,
    event_id       TEXT NOT NULL REFERENCES event (id) ON DELETE CASCADE,
    key            TEXT NOT NULL,
    value          TEXT NOT NULL,
    PRIMARY KEY (event_id, key)
);
CREATE INDEX event_tag_pair ON event_tag (application_id, key, value, event_id);

CREATE TABLE experience_user (
    application_id      TEXT NOT NULL,
    id                  TEXT PRIMARY KEY,
    email               TEXT NOT NULL,
    first_name          TEXT,
    last_name           TEXT,
    last_login_ms       BIGINT,
    password_updated_ms BIGINT,
    created_ms          BIGINT NOT NULL,
    updated_ms          BIGINT NOT NULL,
    apart               TEXT,
    document            TEXT NOT NULL
);
CREATE UNIQUE INDEX experience_user_email ON experience_user (application_id, email);

CREATE TABLE experience_user_tag (
    application_id TEXT NOT NULL,
    user_id        TEXT NOT NULL REFERENCES experience_user (id) ON DELETE CASCADE,
    key            TEXT NOT NULL,
    value          TEXT NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX experience_user_tag_pair ON experience_user_tag (application_id, key, value, user_id);

CREATE TABLE experience_group (
    application_id TEXT NOT NULL,
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    parent_id      TEXT,
    created_ms     BIGINT NOT NULL,
    updated_ms     BIGINT NOT NULL,
    document       TEXT NOT NULL
);
CREATE INDEX experience_group_name ON experience_group (application_id, name, id);
CREATE INDEX experience_group_parent ON experience_group (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE experience_group_tag (
    application_id TEXT NOT NULL,
    group_id       TEXT NOT NULL REFERENCES experience_group (id) ON DELETE CASCADE,
    key            TEXT NOT NULL,
    value          TEXT NOT NULL,
    PRIMARY KEY (group_id, key)
);
CREATE INDEX experience_group_tag_pair
    ON experience_group_tag (application_id, key, value, group_id);

-- The line of a group: itself and the groups above it, whose users share in what it owns.
CREATE TABLE experience_group_line (
    group_id TEXT NOT NULL REFERENCES experience_group (id) ON DELETE CASCADE,
    above_id TEXT NOT NULL,
    PRIMARY KEY (group_id, above_id)
);
CREATE INDEX experience_group_line_above ON experience_group_line (above_id, group_id);

CREATE TABLE experience_membership (
    group_id TEXT NOT NULL REFERENCES experience_group (id) ON DELETE CASCADE,
    user_id  TEXT NOT NULL REFERENCES experience_user (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX experience_membership_user ON experience_membership (user_id, group_id);

CREATE TABLE experience_group_endpoint (
    group_id    TEXT NOT NULL REFERENCES experience_group (id) ON DELETE CASCADE,
    endpoint_id TEXT NOT NULL,
    PRIMARY KEY (group_id, endpoint_id)
);

-- What a group owns of devices: by id, and by tags ('' matches any key or value).
CREATE TABLE experience_group_device (
    group_id  TEXT NOT NULL REFERENCES experience_group (id) ON DELETE CASCADE,
    device_id TEXT NOT NULL,
    PRIMARY KEY (group_id, device_id)
);
CREATE INDEX experience_group_device_owner ON experience_group_device (device_id, group_id);

CREATE TABLE experience_group_device_tag (
    application_id TEXT NOT NULL,
    group_id       TEXT NOT NULL REFERENCES experience_group (id) ON DELETE CASCADE,
    key            TEXT NOT NULL,
    value          TEXT NOT NULL,
    PRIMARY KEY (group_id, key, value)
);
CREATE INDEX experience_group_device_tag_pair
    ON experience_group_device_tag (application_id, key, value);

CREATE TABLE flow (
    application_id     TEXT NOT NULL,
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL,
    flow_class         TEXT NOT NULL,
    enabled            INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    default_version_id TEXT,
    created_ms         BIGINT NOT NULL,
    updated_ms         BIGINT NOT NULL,
    document           TEXT NOT NULL
);
CREATE INDEX flow_name ON flow (application_id, flow_class, name, id);

CREATE TABLE flow_version (
    application_id TEXT NOT NULL,
    flow_id        TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    id             TEXT PRIMARY KEY,
    version        TEXT NOT NULL,
    enabled        INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_ms     BIGINT NOT NULL,
    updated_ms     BIGINT NOT NULL,
    document       TEXT NOT NULL
);
CREATE UNIQUE INDEX flow_version_name ON flow_version (flow_id, version);
CREATE INDEX flow_version_application ON flow_version (application_id, version);

-- Which flows a happening starts; version '' is the develop version.
CREATE TABLE flow_trigger (
    application_id TEXT NOT NULL,
    flow_id        TEXT NOT NULL REFERENCES flow (id) ON DELETE CASCADE,
    version_id     TEXT NOT NULL,
    position       INTEGER NOT NULL,
    type           TEXT NOT NULL,
    key            TEXT NOT NULL,
    config         TEXT NOT NULL,
    PRIMARY KEY (flow_id, version_id, position)
);
CREATE INDEX flow_trigger_found ON flow_trigger (application_id, type, key, flow_id);
