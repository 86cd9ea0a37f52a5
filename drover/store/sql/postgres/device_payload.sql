-- name: device_payloads
-- Count what a device sent and was told in a span, by category and bucket.
SELECT category, time_ms / :bucket_ms::bigint * :bucket_ms::bigint AS bucket_ms, count(*) AS payloads
FROM (
    SELECT DISTINCT 'deviceState' AS category, time_ms, '' AS id FROM device_state
    WHERE device_id = :device_id AND time_ms >= :start_ms AND time_ms < :end_ms
    UNION ALL
    SELECT CASE WHEN topic = 'command' THEN 'deviceCommand'
                WHEN document::jsonb ->> 'connected' = '1' THEN 'deviceConnect'
                ELSE 'deviceDisconnect' END, time_ms, id
    FROM device_log
    WHERE device_id = :device_id AND topic IN ('command', 'connection')
      AND time_ms >= :start_ms AND time_ms < :end_ms
) AS moved GROUP BY 1, 2 ORDER BY 1, 2;
