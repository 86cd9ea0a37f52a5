-- Messages for workflows that the broker hands over again until they are stored, by their place
-- there: one that was stored already starts nothing again.

CREATE TABLE message_place (
    application_id TEXT NOT NULL,
    name TEXT NOT NULL,
    noted_ms BIGINT NOT NULL,
    PRIMARY KEY (application_id, name)
);
CREATE INDEX message_place_age ON message_place (noted_ms);
