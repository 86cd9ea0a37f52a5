-- name: endpoint_call_forget
-- Delete counts of hours before a moment.
DELETE FROM endpoint_call WHERE hour_ms < :before_ms;

-- name: endpoint_call_totals
-- Add up the calls of a span by hour and by all that tells them apart.
SELECT hour_ms, endpoint_id, version, domain, status, calls FROM endpoint_call
WHERE application_id = :application_id AND hour_ms >= :start_ms AND hour_ms < :end_ms
ORDER BY hour_ms, endpoint_id, version, domain, status;
