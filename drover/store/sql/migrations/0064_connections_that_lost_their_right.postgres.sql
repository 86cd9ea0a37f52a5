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
    id, CASE WHEN document::json ->> 'status' <> 'active' THEN 9223372036854775807 ELSE rights_ms END,
    (extract(epoch FROM now()) * 1000)::bigint
FROM access_key WHERE document::json ->> 'status' <> 'active' OR rights_ms IS NOT NULL;

INSERT INTO access_key_until (id, until_ms, noted_ms)
SELECT DISTINCT connection_key, 9223372036854775807, (extract(epoch FROM now()) * 1000)::bigint
FROM device
WHERE connection_key IS NOT NULL AND connection_key NOT IN (SELECT id FROM access_key);

CREATE FUNCTION note_access_key_until() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment BIGINT := NULL;
BEGIN
    IF TG_OP = 'DELETE' THEN
        moment := 9223372036854775807;
    ELSIF NEW.document::json ->> 'status' <> 'active' THEN
        moment := 9223372036854775807;
    ELSE
        moment := NEW.rights_ms;
    END IF;
    IF moment IS NULL THEN
        DELETE FROM access_key_until WHERE id = NEW.id;
    ELSE
        INSERT INTO access_key_until (id, until_ms, noted_ms)
        VALUES (
            coalesce(NEW.id, OLD.id), moment,
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint
        )
        ON CONFLICT (id) DO UPDATE SET
            until_ms = excluded.until_ms, noted_ms = excluded.noted_ms;
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER access_key_until_changed AFTER INSERT OR UPDATE OR DELETE ON access_key
    FOR EACH ROW EXECUTE FUNCTION note_access_key_until();

CREATE FUNCTION forget_access_key_until() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM access_key_until AS past
    WHERE noted_ms < (extract(epoch FROM now()) * 1000)::bigint - 604800000
        AND NOT EXISTS (
            SELECT 1 FROM device
            WHERE connection_key = past.id AND connected_at_ms <= past.until_ms);
    RETURN NULL;
END;
$$;

CREATE TRIGGER access_key_until_noted AFTER INSERT ON access_key_until
    FOR EACH STATEMENT EXECUTE FUNCTION forget_access_key_until();
