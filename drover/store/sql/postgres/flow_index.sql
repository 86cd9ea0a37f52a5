-- name: flow_awaited_keys
-- Find which of some types and keys flows have triggers of.
SELECT DISTINCT type, key FROM flow_trigger
WHERE application_id = :application_id
    AND type = ANY(:types::text[])
    AND key = ANY(:keys::text[]);
