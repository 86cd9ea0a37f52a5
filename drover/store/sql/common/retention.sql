-- name: retire_executions
-- Delete the executions that ended first, of those that ended before a moment and are not being
-- retried: a retry takes its items from there, and names it as long as it runs.
DELETE FROM execution WHERE number IN (
    SELECT number FROM execution
    WHERE completed_ms < :before_ms AND number NOT IN (
        SELECT retry_of FROM execution
        WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
          AND kind = 'resource_job' AND retry_of IS NOT NULL)
    ORDER BY completed_ms LIMIT :limit);

-- name: retire_run_counts
-- Delete the oldest counts of workflows' runs from before a moment.
DELETE FROM flow_count WHERE (flow_id, minute_ms, version) IN (
    SELECT flow_id, minute_ms, version FROM flow_count WHERE minute_ms < :before_ms
    ORDER BY minute_ms LIMIT :limit);

-- name: retire_run_errors
-- Delete the oldest errors of workflows' runs from before a moment.
DELETE FROM flow_note WHERE (flow_id, topic, seq) IN (
    SELECT flow_id, topic, seq FROM flow_note WHERE topic = 'error' AND time_ms < :before_ms
    ORDER BY time_ms LIMIT :limit);

-- name: retire_debug_messages
-- Delete the oldest debug messages of workflows' runs from before a moment.
DELETE FROM flow_note WHERE (flow_id, topic, seq) IN (
    SELECT flow_id, topic, seq FROM flow_note WHERE topic = 'debug' AND time_ms < :before_ms
    ORDER BY time_ms LIMIT :limit);

-- name: retire_deleted_devices
-- Delete for good the devices that were deleted first, of those deleted before a moment whose
-- states have gone.
DELETE FROM device WHERE id IN (
    SELECT id FROM device
    WHERE deleted_ms < :before_ms
      AND NOT EXISTS (SELECT 1 FROM device_state AS state WHERE state.device_id = device.id)
    ORDER BY deleted_ms LIMIT :limit);

-- name: retire_device_log
-- Delete the oldest commands to devices, and comings and goings of them, from before a moment.
DELETE FROM device_log WHERE (device_id, topic, time_ms, id) IN (
    SELECT device_id, topic, time_ms, id FROM device_log WHERE time_ms < :before_ms
    ORDER BY time_ms LIMIT :limit);

-- name: gone_executions
-- Read which executions were deleted and have left something behind.
SELECT number, report_key FROM gone_execution ORDER BY number LIMIT :limit;

-- name: clear_gone_items
-- Delete some of the items of an execution that is gone.
DELETE FROM iteration WHERE execution = :number AND resource_id IN (
    SELECT resource_id FROM iteration WHERE execution = :number LIMIT :limit);

-- name: forget_gone
-- Note that nothing is left of an execution that is gone.
DELETE FROM gone_execution WHERE number = :number;
