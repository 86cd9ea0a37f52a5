-- name: firings_lease
-- Take firings that are due; they come back when they are not done by then.
UPDATE firing SET tries = tries + 1, due_ms = :until_ms
WHERE number IN (
    SELECT number FROM firing WHERE due_ms <= :now_ms
    ORDER BY due_ms, number LIMIT :limit)
RETURNING *;

-- name: firings_done
-- Forget firings that were acted on or given up, unless replaced meanwhile.
DELETE FROM firing WHERE due_ms = :until_ms AND number IN (SELECT value FROM json_each(:numbers));

-- name: firings_renew
-- Renew the leases of firings that are still being acted on.
UPDATE firing SET due_ms = :new_until_ms WHERE due_ms = :until_ms AND number IN (SELECT value FROM json_each(:numbers));

-- name: firing_tell
-- Note what nodes told the run of a firing, beside what was noted before.
UPDATE firing SET told = json_patch(COALESCE(told, '{}'), :told) WHERE number = :number;
