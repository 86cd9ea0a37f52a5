-- name: application_among
-- Read which of these ids the table has.
SELECT id FROM application
WHERE id IN (SELECT unnest(:ids::text[]));

-- name: document_among
-- Read which of these ids the table has.
SELECT id FROM document
WHERE application_id = :application_id AND kind = :kind AND id IN (SELECT unnest(:ids::text[]));

-- name: device_among
-- Read which of these ids the table has.
SELECT id FROM device
WHERE application_id = :application_id AND deleted_ms IS NULL AND id IN (SELECT unnest(:ids::text[]));

-- name: event_among
-- Read which of these ids the table has.
SELECT id FROM event
WHERE application_id = :application_id AND id IN (SELECT unnest(:ids::text[]));

-- name: experience_user_among
-- Read which of these ids the table has.
SELECT id FROM experience_user
WHERE application_id = :application_id AND id IN (SELECT unnest(:ids::text[]));

-- name: experience_group_among
-- Read which of these ids the table has.
SELECT id FROM experience_group
WHERE application_id = :application_id AND id IN (SELECT unnest(:ids::text[]));

-- name: flow_among
-- Read which of these ids the table has.
SELECT id FROM flow
WHERE application_id = :application_id AND id IN (SELECT unnest(:ids::text[]));

-- name: flow_version_among
-- Read which of these ids the table has.
SELECT id FROM flow_version
WHERE application_id = :application_id AND id IN (SELECT unnest(:ids::text[]));
