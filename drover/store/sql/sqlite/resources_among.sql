-- name: application_among
-- Read which of these ids the table has.
SELECT id FROM application
WHERE id IN (SELECT value FROM json_each(:ids));

-- name: document_among
-- Read which of these ids the table has.
SELECT id FROM document
WHERE application_id = :application_id AND kind = :kind AND id IN (SELECT value FROM json_each(:ids));

-- name: device_among
-- Read which of these ids the table has.
SELECT id FROM device
WHERE application_id = :application_id AND deleted_ms IS NULL AND id IN (SELECT value FROM json_each(:ids));

-- name: event_among
-- Read which of these ids the table has.
SELECT id FROM event
WHERE application_id = :application_id AND id IN (SELECT value FROM json_each(:ids));

-- name: experience_user_among
-- Read which of these ids the table has.
SELECT id FROM experience_user
WHERE application_id = :application_id AND id IN (SELECT value FROM json_each(:ids));

-- name: experience_group_among
-- Read which of these ids the table has.
SELECT id FROM experience_group
WHERE application_id = :application_id AND id IN (SELECT value FROM json_each(:ids));

-- name: flow_among
-- Read which of these ids the table has.
SELECT id FROM flow
WHERE application_id = :application_id AND id IN (SELECT value FROM json_each(:ids));

-- name: flow_version_among
-- Read which of these ids the table has.
SELECT id FROM flow_version
WHERE application_id = :application_id AND id IN (SELECT value FROM json_each(:ids));
