-- name: files_stored
-- Count an application's files of some kinds, without directories, and add up their bytes.
SELECT count(*) AS total, coalesce(sum(document ->> '$.fileSize'), 0) AS bytes FROM document
WHERE application_id = :application_id AND kind IN (SELECT value FROM json_each(:kinds)) AND document ->> '$.type' = 'file';
