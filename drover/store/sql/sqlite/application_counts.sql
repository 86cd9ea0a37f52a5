-- name: application_counts
-- Count the resources of each kind of some applications.
SELECT application_id, kind, count(*) AS total FROM document
WHERE application_id IN (SELECT value FROM json_each(:ids)) GROUP BY application_id, kind
UNION ALL
SELECT application_id, 'device' AS kind, count(*) AS total FROM device
WHERE application_id IN (SELECT value FROM json_each(:ids)) AND deleted_ms IS NULL GROUP BY application_id
UNION ALL
SELECT application_id, 'event' AS kind, count(*) AS total FROM event
WHERE application_id IN (SELECT value FROM json_each(:ids)) GROUP BY application_id
UNION ALL
SELECT application_id, 'experienceUser' AS kind, count(*) AS total FROM experience_user
WHERE application_id IN (SELECT value FROM json_each(:ids)) GROUP BY application_id
UNION ALL
SELECT application_id, 'experienceGroup' AS kind, count(*) AS total FROM experience_group
WHERE application_id IN (SELECT value FROM json_each(:ids)) GROUP BY application_id
UNION ALL
SELECT application_id, 'flow' AS kind, count(*) AS total FROM flow
WHERE application_id IN (SELECT value FROM json_each(:ids)) GROUP BY application_id;
