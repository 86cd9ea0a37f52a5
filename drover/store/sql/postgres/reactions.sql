-- name: flow_memory_get
-- Read what a node remembers under some keys.
SELECT key, value FROM flow_memory
WHERE flow_id = :flow_id AND node_id = :node_id AND key = ANY(:keys::text[]);

-- name: replies_given
-- Read those of some replies that have been given.
SELECT id, document FROM awaited_reply
WHERE id = ANY(:ids::text[]) AND document IS NOT NULL;

-- name: silences_take
-- Stop the clocks that have run down and that nobody is about to start anew.
DELETE FROM silence
WHERE ctid IN (
    SELECT ctid FROM silence WHERE due_ms <= :now_ms
    ORDER BY due_ms LIMIT :limit FOR UPDATE SKIP LOCKED
)
RETURNING device_id, type, key, seconds, application_id, last_ms;

-- name: flow_awaited_configs
-- Find the configs of the triggers of some types and keys.
SELECT DISTINCT type, key, config FROM flow_trigger
WHERE application_id = :application_id
    AND type = ANY(:types::text[])
    AND key = ANY(:keys::text[]);

-- name: webhook_by_secret
-- Find a webhook, whosever it is, by the secret part of its URL.
SELECT document, apart FROM document
WHERE kind = 'webhook' AND document::jsonb ->> 'token' = :secret;
