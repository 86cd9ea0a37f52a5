-- What resources are called, folded so that it is found whatever its case; kept by triggers, so that
-- no way of writing a resource forgets it. Names are kept to their last 400 characters.
CREATE TABLE search_entry (
    number         INTEGER PRIMARY KEY,
    application_id TEXT NOT NULL,
    kind           TEXT NOT NULL,
    id             TEXT NOT NULL,
    folded         TEXT NOT NULL
);
CREATE UNIQUE INDEX search_entry_name ON search_entry (application_id, folded, id, kind);
CREATE VIRTUAL TABLE search_text USING fts5(
    folded, content='search_entry', content_rowid='number',
    tokenize='trigram case_sensitive 1', detail=none
);
CREATE TRIGGER search_entry_added AFTER INSERT ON search_entry BEGIN
    INSERT INTO search_text (rowid, folded) VALUES (NEW.number, NEW.folded);
END;
CREATE TRIGGER search_entry_gone AFTER DELETE ON search_entry BEGIN
    INSERT INTO search_text (search_text, rowid, folded) VALUES ('delete', OLD.number, OLD.folded);
END;

CREATE TRIGGER search_document_added AFTER INSERT ON document BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, NEW.kind, NEW.id, casefold(substr(NEW.name, -400)) WHERE NEW.kind NOT IN ('applicationKey', 'applicationCertificate', 'applicationCertificateAuthority', 'privateFile');
END;
CREATE TRIGGER search_document_changed AFTER UPDATE OF name ON document
WHEN OLD.name IS NOT NEW.name BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.name, -400)) AND id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, NEW.kind, NEW.id, casefold(substr(NEW.name, -400)) WHERE NEW.kind NOT IN ('applicationKey', 'applicationCertificate', 'applicationCertificateAuthority', 'privateFile');
END;
CREATE TRIGGER search_document_gone AFTER DELETE ON document BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.name, -400)) AND id = OLD.id;
END;
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, document.kind, id, casefold(substr(document.name, -400)) FROM document WHERE document.kind NOT IN ('applicationKey', 'applicationCertificate', 'applicationCertificateAuthority', 'privateFile');

CREATE TRIGGER search_device_added AFTER INSERT ON device BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'device', NEW.id, casefold(substr(NEW.name, -400)) WHERE NEW.deleted_ms IS NULL;
END;
CREATE TRIGGER search_device_changed AFTER UPDATE OF name, deleted_ms ON device
WHEN OLD.name IS NOT NEW.name OR OLD.deleted_ms IS NOT NEW.deleted_ms BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.name, -400)) AND id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'device', NEW.id, casefold(substr(NEW.name, -400)) WHERE NEW.deleted_ms IS NULL;
END;
CREATE TRIGGER search_device_gone AFTER DELETE ON device BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.name, -400)) AND id = OLD.id;
END;
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'device', id, casefold(substr(device.name, -400)) FROM device WHERE device.deleted_ms IS NULL;

CREATE TRIGGER search_event_added AFTER INSERT ON event BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'event', NEW.id, casefold(substr(NEW.subject, -400));
END;
CREATE TRIGGER search_event_changed AFTER UPDATE OF subject ON event
WHEN OLD.subject IS NOT NEW.subject BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.subject, -400)) AND id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'event', NEW.id, casefold(substr(NEW.subject, -400));
END;
CREATE TRIGGER search_event_gone AFTER DELETE ON event BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.subject, -400)) AND id = OLD.id;
END;
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'event', id, casefold(substr(event.subject, -400)) FROM event;

CREATE TRIGGER search_experience_user_added AFTER INSERT ON experience_user BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'experienceUser', NEW.id, casefold(substr(NEW.email || ' ' || coalesce(NEW.first_name, '') || ' ' || coalesce(NEW.last_name, ''), -400));
END;
CREATE TRIGGER search_experience_user_changed AFTER UPDATE OF email, first_name, last_name ON experience_user
WHEN OLD.email IS NOT NEW.email OR OLD.first_name IS NOT NEW.first_name OR OLD.last_name IS NOT NEW.last_name BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.email || ' ' || coalesce(OLD.first_name, '') || ' ' || coalesce(OLD.last_name, ''), -400)) AND id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'experienceUser', NEW.id, casefold(substr(NEW.email || ' ' || coalesce(NEW.first_name, '') || ' ' || coalesce(NEW.last_name, ''), -400));
END;
CREATE TRIGGER search_experience_user_gone AFTER DELETE ON experience_user BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.email || ' ' || coalesce(OLD.first_name, '') || ' ' || coalesce(OLD.last_name, ''), -400)) AND id = OLD.id;
END;
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'experienceUser', id, casefold(substr(experience_user.email || ' ' || coalesce(experience_user.first_name, '') || ' ' || coalesce(experience_user.last_name, ''), -400)) FROM experience_user;

CREATE TRIGGER search_experience_group_added AFTER INSERT ON experience_group BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'experienceGroup', NEW.id, casefold(substr(NEW.name, -400));
END;
CREATE TRIGGER search_experience_group_changed AFTER UPDATE OF name ON experience_group
WHEN OLD.name IS NOT NEW.name BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.name, -400)) AND id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'experienceGroup', NEW.id, casefold(substr(NEW.name, -400));
END;
CREATE TRIGGER search_experience_group_gone AFTER DELETE ON experience_group BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.name, -400)) AND id = OLD.id;
END;
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'experienceGroup', id, casefold(substr(experience_group.name, -400)) FROM experience_group;

CREATE TRIGGER search_flow_added AFTER INSERT ON flow BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'flow', NEW.id, casefold(substr(NEW.name, -400));
END;
CREATE TRIGGER search_flow_changed AFTER UPDATE OF name ON flow
WHEN OLD.name IS NOT NEW.name BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.name, -400)) AND id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'flow', NEW.id, casefold(substr(NEW.name, -400));
END;
CREATE TRIGGER search_flow_gone AFTER DELETE ON flow BEGIN
    DELETE FROM search_entry WHERE application_id = OLD.application_id
        AND folded = casefold(substr(OLD.name, -400)) AND id = OLD.id;
END;
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'flow', id, casefold(substr(flow.name, -400)) FROM flow;

-- How many payloads moved, by hour (its first millisecond), category and source.channel.
CREATE TABLE payload_count (
    application_id TEXT NOT NULL,
    hour_ms        BIGINT NOT NULL,
    category       TEXT NOT NULL,
    source         TEXT NOT NULL,
    payloads       BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    PRIMARY KEY (application_id, hour_ms, category, source)
);
CREATE INDEX payload_count_hour ON payload_count (hour_ms);
