-- name: device_queries_of_groups
-- Read the groups with a query for devices among these and those below them.
SELECT DISTINCT own.id, own.document FROM experience_group AS own
JOIN experience_group_line AS line ON line.group_id = own.id
WHERE own.application_id = :application_id AND line.above_id IN (SELECT value FROM json_each(:ids))
    AND own.document LIKE '%"deviceQueryJson":"%'
ORDER BY own.id;

-- name: device_queries_of_users
-- Read the groups with a query for devices that users are in, and those below them.
SELECT DISTINCT own.id, own.document FROM experience_group AS own
JOIN experience_group_line AS line ON line.group_id = own.id
JOIN experience_membership AS member ON member.group_id = line.above_id
WHERE own.application_id = :application_id AND member.user_id IN (SELECT value FROM json_each(:ids))
    AND own.document LIKE '%"deviceQueryJson":"%'
ORDER BY own.id;
