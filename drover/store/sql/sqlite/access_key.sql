-- name: access_keys_named
-- Read the access keys that devices name, and what kind of owner the application of each has.
SELECT access_key.document, application.owner_type
FROM access_key JOIN application ON application.id = access_key.application_id
WHERE access_key.key IN (SELECT value FROM json_each(:keys));
