-- How often an application's own interface was called, by hour and by what was answered.
CREATE TABLE endpoint_call (
    application_id TEXT NOT NULL,
    hour_ms        BIGINT NOT NULL,
    endpoint_id    TEXT NOT NULL,
    version        TEXT NOT NULL,
    domain         TEXT NOT NULL,
    status         BIGINT NOT NULL,
    calls          BIGINT NOT NULL,
    PRIMARY KEY (application_id, hour_ms, endpoint_id, version, domain, status)
);
CREATE INDEX endpoint_call_by_age ON endpoint_call (hour_ms);

-- Dashboards are found by their id alone, whosever they are.
CREATE INDEX document_dashboard ON document (id) WHERE kind IN ('applicationDashboard', 'dashboard');
