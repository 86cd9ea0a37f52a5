-- name: endpoint_call_add
-- Add to how often interfaces were called.
INSERT INTO endpoint_call (application_id, hour_ms, endpoint_id, version, domain, status, calls)
SELECT * FROM unnest(:application_ids::text[], :hours::bigint[], :endpoint_ids::text[],
    :versions::text[], :domains::text[], :statuses::bigint[], :calls::bigint[])
ON CONFLICT (application_id, hour_ms, endpoint_id, version, domain, status)
DO UPDATE SET calls = endpoint_call.calls + excluded.calls;
