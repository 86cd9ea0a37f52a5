-- name: bulk_take
-- Go on with a bulk operation: whoever did so before may not any more.
UPDATE execution SET
    worker = :worker, lease_until_ms = :until_ms, fence = fence + 1, tries = tries + 1,
    started_ms = coalesce(started_ms, requested_ms)
WHERE number = :number
RETURNING *;

-- name: bulk_note
-- Note how far a bulk operation has come.
UPDATE execution SET
    claim_cursor = :upto, lease_until_ms = :until_ms,
    succeeded = succeeded + CAST(:done AS BIGINT), failed = failed + CAST(:refused AS BIGINT),
    total = CASE
        WHEN total < succeeded + failed + CAST(:done AS BIGINT) + CAST(:refused AS BIGINT)
        THEN succeeded + failed + CAST(:done AS BIGINT) + CAST(:refused AS BIGINT)
        ELSE total END
WHERE number = :number;

-- name: bulk_leave
-- Let go of a bulk operation, for whoever comes next.
UPDATE execution SET lease_until_ms = 0 WHERE number = :number AND fence = :fence;
