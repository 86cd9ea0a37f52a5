-- name: firings_lease
-- Take firings that are due; they come back when they are not done by then.
UPDATE firing SET tries = tries + 1, due_ms = :until_ms
WHERE number IN (
    SELECT number FROM firing WHERE due_ms <= :now_ms
    ORDER BY due_ms, number LIMIT :limit FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: firings_done
-- Forget firings that were acted on or given up, unless replaced meanwhile.
DELETE FROM firing WHERE due_ms = :until_ms AND number IN (SELECT unnest(:numbers::bigint[]));

-- name: firings_renew
-- Renew the leases of firings that are still being acted on.
UPDATE firing SET due_ms = :new_until_ms WHERE due_ms = :until_ms AND number IN (SELECT unnest(:numbers::bigint[]));

-- name: firing_tell
-- Note what nodes told the run of a firing, beside what was noted before.
UPDATE firing SET told = (COALESCE(told, '{}')::jsonb || :told::text::jsonb)::text WHERE number = :number;
