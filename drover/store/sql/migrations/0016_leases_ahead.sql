-- Leases taken while another one of the same lane still runs: such a lease waits until that one, the
-- lease with the fence ``after_fence``, makes way. When that one is gone, it waits no more.
ALTER TABLE lease ADD COLUMN after_fence BIGINT;

-- How many items in flight of an execution have no place of their own: they wait for that of others.
CREATE VIEW lease_ahead AS
SELECT execution, CASE WHEN landed < size THEN size - landed ELSE 0 END AS items
FROM (
    SELECT waiting.execution, waiting.size, (
        SELECT count(*) FROM iteration
        WHERE iteration.execution = before.execution AND iteration.resource_id > before.after_id
          AND iteration.resource_id <= before.upto_id AND iteration.state > 1) AS landed
    FROM lease AS waiting
    JOIN lease AS before
        ON before.execution = waiting.execution AND before.fence = waiting.after_fence
) AS pairs;
