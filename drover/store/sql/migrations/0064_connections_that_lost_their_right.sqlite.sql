-- Connections that lost their right are looked for again and again while access changes. What leads
-- to them is kept apart, so that a look follows what changed and not who is connected.

-- Devices that were deleted or have other rights while they are connected: at most times none.
CREATE INDEX device_outdated ON device (id)
    WHERE connection_server IS NOT NULL
        AND (deleted_ms IS NOT NULL OR connected_at_ms <= rights_ms);

-- Who is connected with a key, since when.
CREATE INDEX device_connection_key ON device (connection_key, connected_at_ms)
    WHERE connection_key IS NOT NULL;

-- Up to which moment connections with a key began that have lost their right: all of them where it was
-- deleted or is not active. One that was let in just before is noted a moment later, so this is
-- kept for a week, and for as long as there is such a connection.
CREATE TABLE access_key_until (
    id       TEXT PRIMARY KEY,
    until_ms BIGINT NOT NULL,
    noted_ms BIGINT NOT NULL
);
CREATE INDEX access_key_until_noted ON access_key_until (noted_ms);

INSERT INTO access_key_until (id, until_ms, noted_ms)
SELECT
    id, CASE WHEN document ->> '$.status' <> 'active' THEN 9223372036854775807 ELSE rights_ms END,
    CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
FROM access_key WHERE document ->> '$.status' <> 'active' OR rights_ms IS NOT NULL;

INSERT INTO access_key_until (id, until_ms, noted_ms)
SELECT DISTINCT connection_key, 9223372036854775807, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
FROM device
WHERE connection_key IS NOT NULL AND connection_key NOT IN (SELECT id FROM access_key);

CREATE TRIGGER access_key_until_added AFTER INSERT ON access_key
BEGIN
    DELETE FROM access_key_until WHERE id = NEW.id;
    INSERT INTO access_key_until (id, until_ms, noted_ms)
    SELECT
        id, CASE WHEN document ->> '$.status' <> 'active' THEN 9223372036854775807 ELSE rights_ms END,
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM access_key
    WHERE id = NEW.id AND (document ->> '$.status' <> 'active' OR rights_ms IS NOT NULL);
END;

CREATE TRIGGER access_key_until_changed AFTER UPDATE OF document, rights_ms ON access_key
BEGIN
    DELETE FROM access_key_until WHERE id = NEW.id;
    INSERT INTO access_key_until (id, until_ms, noted_ms)
    SELECT
        id, CASE WHEN document ->> '$.status' <> 'active' THEN 9223372036854775807 ELSE rights_ms END,
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    FROM access_key
    WHERE id = NEW.id AND (document ->> '$.status' <> 'active' OR rights_ms IS NOT NULL);
END;

CREATE TRIGGER access_key_until_gone AFTER DELETE ON access_key
BEGIN
    DELETE FROM access_key_until WHERE id = OLD.id;
    INSERT INTO access_key_until (id, until_ms, noted_ms)
    VALUES (
        OLD.id, 9223372036854775807,
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    );
END;

CREATE TRIGGER access_key_until_noted AFTER INSERT ON access_key_until
BEGIN
    DELETE FROM access_key_until
    WHERE noted_ms < CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - 604800000
        AND NOT EXISTS (
            SELECT 1 FROM device
            WHERE connection_key = access_key_until.id
                AND connected_at_ms <= access_key_until.until_ms);
END;

-- With the name in it, lists of what is behind a gateway or below a parent read these devices and no
-- more: SQLite took the whole application in order of names instead.
DROP INDEX device_gateway;
DROP INDEX device_parent;
CREATE INDEX device_gateway ON device (gateway_id, application_id, name, id)
    WHERE gateway_id IS NOT NULL;
CREATE INDEX device_parent ON device (parent_id, application_id, name, id)
    WHERE parent_id IS NOT NULL;
