-- name: flow_awaited_keys
-- Find which of some types and keys flows have triggers of.
SELECT DISTINCT type, key FROM flow_trigger
WHERE application_id = :application_id
    AND type IN (SELECT value FROM json_each(:types))
    AND key IN (SELECT value FROM json_each(:keys));
