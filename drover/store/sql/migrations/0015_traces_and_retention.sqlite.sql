-- What users did lately, as far as a rule or a list looks at it; and what retention looks for.

-- Codes of a second factor that were used: none counts twice.
CREATE TABLE used_code (
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    step       BIGINT NOT NULL,
    PRIMARY KEY (account_id, step)
);

-- What a user looked at, newest by the highest seq; parent_id is '' where there is none.
CREATE TABLE recent_item (
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    item_type  TEXT NOT NULL,
    parent_id  TEXT NOT NULL,
    item_id    TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    PRIMARY KEY (account_id, item_type, parent_id, item_id)
);

-- What a deleted execution leaves behind, whoever deleted it: its items and its report's file.
CREATE TABLE gone_execution (
    number     INTEGER PRIMARY KEY,
    report_key TEXT
);

CREATE TRIGGER execution_gone AFTER DELETE ON execution BEGIN
    INSERT INTO gone_execution (number, report_key) VALUES (OLD.number, OLD.report_key);
END;

-- How old something is, oldest first.
CREATE INDEX flow_count_minute ON flow_count (minute_ms);
CREATE INDEX flow_note_time ON flow_note (topic, time_ms);
CREATE INDEX device_deleted_at ON device (deleted_ms) WHERE deleted_ms IS NOT NULL;
CREATE INDEX device_log_time ON device_log (time_ms);
