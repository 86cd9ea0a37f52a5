-- name: flow_memory_put
-- Keep what a node remembers under a key.
INSERT INTO flow_memory (flow_id, node_id, key, value) VALUES (:flow_id, :node_id, :key, :value)
ON CONFLICT (flow_id, node_id, key) DO UPDATE SET value = excluded.value;

-- name: flow_memory_remove
-- Forget what a node remembers under a key.
DELETE FROM flow_memory WHERE flow_id = :flow_id AND node_id = :node_id AND key = :key;

-- name: flow_memory_forget
-- Forget all that a node remembers.
DELETE FROM flow_memory WHERE flow_id = :flow_id AND node_id = :node_id;

-- name: flow_memory_size
-- Count the keys under which a node remembers something.
SELECT COUNT(*) AS keys FROM flow_memory WHERE flow_id = :flow_id AND node_id = :node_id;

-- name: reply_await
-- Note that somebody waits for a reply.
INSERT INTO awaited_reply (id, application_id, until_ms) VALUES (:id, :application_id, :until_ms);

-- name: reply_give
-- Give a reply that is waited for; the first one counts.
UPDATE awaited_reply SET document = :document
WHERE id = :id AND application_id = :application_id AND document IS NULL;

-- name: replies_overdue
-- Forget replies that nobody waits for any more.
DELETE FROM awaited_reply WHERE until_ms < :now_ms;

-- name: silence_arm
-- Start a clock of a device's silence anew.
INSERT INTO silence (device_id, type, key, seconds, application_id, last_ms, due_ms)
VALUES (:device_id, :type, :key, :seconds, :application_id, :last_ms, :due_ms)
ON CONFLICT (device_id, type, key, seconds)
DO UPDATE SET last_ms = excluded.last_ms, due_ms = excluded.due_ms;

-- name: silence_next
-- Read when the next clock of silence has run down.
SELECT MIN(due_ms) AS next_ms FROM silence;
