-- name: firing_add
-- Store a firing; one with the same run id takes the place of that which waits. What is kept as its
-- creation is the moment it is due at first: due_ms moves on with each lease.
INSERT INTO firing (
    application_id, trigger_type, trigger_key, data, root, created_ms, due_ms, flow_id,
    flow_version, run_id, execution, resource_id, depth
) VALUES (
    :application_id, :trigger_type, :trigger_key, :data, :root, :due_ms, :due_ms, :flow_id,
    :flow_version, :run_id, :execution, :resource_id, :depth
)
ON CONFLICT (application_id, run_id) WHERE run_id IS NOT NULL DO UPDATE SET
    trigger_type = excluded.trigger_type, trigger_key = excluded.trigger_key, data = excluded.data,
    root = excluded.root, created_ms = excluded.created_ms, due_ms = excluded.due_ms,
    flow_id = excluded.flow_id,
    flow_version = excluded.flow_version, depth = excluded.depth, tries = 0,
    told = NULL;

-- name: firing_cancel
-- Forget the firing with this run id.
DELETE FROM firing WHERE application_id = :application_id AND run_id = :run_id;

-- name: firing_by_run
-- Read whether a firing with this run id waits.
SELECT number FROM firing WHERE application_id = :application_id AND run_id = :run_id;

-- name: firings_next_ms
-- Read when the next firing is due.
SELECT min(due_ms) AS next_ms FROM firing;

-- name: firings_release
-- Put firings that were taken, and not acted on to the end, back to where they were in the queue.
UPDATE firing SET due_ms = created_ms WHERE tries > 0;
