-- name: event_get
-- Read an event.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM event WHERE application_id = :application_id AND id = :id;

-- name: event_lock
-- Read an event, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM event WHERE application_id = :application_id AND id = :id;

-- name: event_add
-- Insert an event.
INSERT INTO event (
    application_id, id, subject, level, state, device_id, source_type, source_id, created_ms,
    updated_ms, document
) VALUES (
    :application_id, :id, :subject, :level, :state, :device_id, :source_type, :source_id,
    :created_ms, :updated_ms, :document
);

-- name: event_put
-- Replace an event.
UPDATE event SET
    subject = :subject, level = :level, state = :state, device_id = :device_id, source_type =
    :source_type, source_id = :source_id, updated_ms = :updated_ms, document = :document,
    created_ms = :created_ms
WHERE application_id = :application_id AND id = :id;

-- name: event_remove
-- Delete an event.
DELETE FROM event WHERE application_id = :application_id AND id = :id;
