-- name: endpoint_call_add
-- Add to how often interfaces were called.
INSERT INTO endpoint_call (application_id, hour_ms, endpoint_id, version, domain, status, calls)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM json_each(:rows) WHERE TRUE
ON CONFLICT (application_id, hour_ms, endpoint_id, version, domain, status)
DO UPDATE SET calls = endpoint_call.calls + excluded.calls;
