-- name: files_stored
-- Count an application's files of some kinds, without directories, and add up their bytes.
SELECT count(*) AS total, coalesce(sum((document::json ->> 'fileSize')::bigint), 0)::bigint AS bytes FROM document
WHERE application_id = :application_id AND kind = ANY(:kinds::text[]) AND document::json ->> 'type' = 'file';
