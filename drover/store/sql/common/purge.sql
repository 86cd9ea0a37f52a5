-- name: purge_device_state
-- Delete some of the state of an application's first devices.
DELETE FROM device_state WHERE (device_id, attribute, time_ms) IN (
    SELECT past.device_id, past.attribute, past.time_ms FROM (
        SELECT id FROM device WHERE application_id = :application_id AND deleted_ms IS NULL
        ORDER BY id LIMIT 500
    ) AS first JOIN device_state AS past ON past.device_id = first.id LIMIT :limit);

-- name: purge_device_log
-- Delete some of the log of an application's first devices.
DELETE FROM device_log WHERE (device_id, topic, time_ms, id) IN (
    SELECT past.device_id, past.topic, past.time_ms, past.id FROM (
        SELECT id FROM device WHERE application_id = :application_id AND deleted_ms IS NULL
        ORDER BY id LIMIT 500
    ) AS first JOIN device_log AS past ON past.device_id = first.id LIMIT :limit);

-- name: purge_device
-- Delete those of an application's first devices that have no state and no log any more.
DELETE FROM device WHERE id IN (
    SELECT id FROM (
        SELECT id FROM device WHERE application_id = :application_id AND deleted_ms IS NULL
        ORDER BY id LIMIT 500
    ) AS first
    WHERE NOT EXISTS (SELECT 1 FROM device_state AS past WHERE past.device_id = first.id)
      AND NOT EXISTS (SELECT 1 FROM device_log AS past WHERE past.device_id = first.id)
    LIMIT :limit);

-- name: purge_deleted_device_state
-- Delete some of the state of the first deleted devices of an application.
DELETE FROM device_state WHERE (device_id, attribute, time_ms) IN (
    SELECT past.device_id, past.attribute, past.time_ms FROM (
        SELECT id FROM device WHERE application_id = :application_id AND deleted_ms IS NOT NULL
        ORDER BY id LIMIT 500
    ) AS first JOIN device_state AS past ON past.device_id = first.id LIMIT :limit);

-- name: purge_deleted_device_log
-- Delete some of the log of the first deleted devices of an application.
DELETE FROM device_log WHERE (device_id, topic, time_ms, id) IN (
    SELECT past.device_id, past.topic, past.time_ms, past.id FROM (
        SELECT id FROM device WHERE application_id = :application_id AND deleted_ms IS NOT NULL
        ORDER BY id LIMIT 500
    ) AS first JOIN device_log AS past ON past.device_id = first.id LIMIT :limit);

-- name: purge_deleted_device
-- Delete those of the first deleted devices of an application that have no state and no log any more.
DELETE FROM device WHERE id IN (
    SELECT id FROM (
        SELECT id FROM device WHERE application_id = :application_id AND deleted_ms IS NOT NULL
        ORDER BY id LIMIT 500
    ) AS first
    WHERE NOT EXISTS (SELECT 1 FROM device_state AS past WHERE past.device_id = first.id)
      AND NOT EXISTS (SELECT 1 FROM device_log AS past WHERE past.device_id = first.id)
    LIMIT :limit);

-- name: purge_flow_count
-- Delete some of the counts of an application's workflows.
DELETE FROM flow_count WHERE (flow_id, minute_ms, version) IN (
    SELECT past.flow_id, past.minute_ms, past.version FROM flow
    JOIN flow_count AS past ON past.flow_id = flow.id
    WHERE flow.application_id = :application_id LIMIT :limit);

-- name: purge_flow_version
-- Delete some versions of an application's workflows.
DELETE FROM flow_version WHERE id IN (
    SELECT id FROM flow_version WHERE application_id = :application_id LIMIT :limit);

-- name: purge_flow
-- Delete some of an application's workflows.
DELETE FROM flow WHERE id IN (
    SELECT id FROM flow WHERE application_id = :application_id LIMIT :limit);

-- name: purge_table_row
-- Delete some rows of an application's tables.
DELETE FROM table_row WHERE id IN (
    SELECT id FROM table_row WHERE application_id = :application_id LIMIT :limit);

-- name: purge_event
-- Delete some of an application's events.
DELETE FROM event WHERE id IN (
    SELECT id FROM event WHERE application_id = :application_id LIMIT :limit);

-- name: purge_experience_user
-- Delete some of an application's experience users.
DELETE FROM experience_user WHERE id IN (
    SELECT id FROM experience_user WHERE application_id = :application_id LIMIT :limit);

-- name: purge_experience_group
-- Delete some of an application's experience groups.
DELETE FROM experience_group WHERE id IN (
    SELECT id FROM experience_group WHERE application_id = :application_id LIMIT :limit);

-- name: purge_document
-- Delete some other resources of an application.
DELETE FROM document WHERE (application_id, kind, id) IN (
    SELECT application_id, kind, id FROM document WHERE application_id = :application_id LIMIT :limit);

-- name: purge_execution
-- Delete some ended executions of an application.
DELETE FROM execution WHERE number IN (
    SELECT number FROM execution WHERE application_id = :application_id AND completed_ms IS NOT NULL LIMIT :limit);

-- name: purge_import_log
-- Delete some of the logs of an application's imports.
DELETE FROM import_log WHERE id IN (
    SELECT id FROM import_log WHERE application_id = :application_id LIMIT :limit);

-- name: purge_payload_count
-- Delete some of the counts of an application's payloads.
DELETE FROM payload_count WHERE (application_id, hour_ms, category, source) IN (
    SELECT application_id, hour_ms, category, source FROM payload_count
    WHERE application_id = :application_id LIMIT :limit);

-- name: purge_endpoint_call
-- Delete counts of calls of an application's interface.
DELETE FROM endpoint_call
WHERE (application_id, hour_ms, endpoint_id, version, domain, status) IN (
    SELECT application_id, hour_ms, endpoint_id, version, domain, status FROM endpoint_call
    WHERE application_id = :application_id LIMIT :limit
);

-- name: purge_firing
-- Delete firings that no workflow is left for.
DELETE FROM firing WHERE number IN (
    SELECT number FROM firing WHERE application_id = :application_id LIMIT :limit
);

-- name: close_downloads
-- Let the files that were made of an application be deleted with those whose time is over.
UPDATE download SET expires_ms = 0 WHERE application_id = :application_id;

-- name: close_schedules
-- Delete the schedules of an application.
DELETE FROM schedule WHERE application_id = :application_id;

-- name: close_triggers
-- Delete what workflows of an application wait for.
DELETE FROM flow_trigger WHERE application_id = :application_id;

-- name: close_executions
-- Show what still runs of an application no more, and delete it once it has ended.
UPDATE execution SET discarded = 1
WHERE application_id = :application_id AND completed_ms IS NULL AND discarded = 0;
