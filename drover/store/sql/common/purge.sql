-- name: purge_document
-- Delete what an application had in this table.
DELETE FROM document WHERE application_id = :application_id;

-- name: purge_device
-- Delete what an application had in this table.
DELETE FROM device WHERE application_id = :application_id;

-- name: purge_table_row
-- Delete what an application had in this table.
DELETE FROM table_row WHERE application_id = :application_id;

-- name: purge_event
-- Delete what an application had in this table.
DELETE FROM event WHERE application_id = :application_id;

-- name: purge_experience_user
-- Delete what an application had in this table.
DELETE FROM experience_user WHERE application_id = :application_id;

-- name: purge_experience_group
-- Delete what an application had in this table.
DELETE FROM experience_group WHERE application_id = :application_id;

-- name: purge_flow_version
-- Delete what an application had in this table.
DELETE FROM flow_version WHERE application_id = :application_id;

-- name: purge_flow
-- Delete what an application had in this table.
DELETE FROM flow WHERE application_id = :application_id;

-- name: purge_schedule
-- Delete what an application had in this table.
DELETE FROM schedule WHERE application_id = :application_id;
