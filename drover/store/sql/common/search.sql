-- name: search_devices
-- Find the first devices of an application whose names begin with a text, in the order of these.
SELECT device.id, device.name, device.device_class
FROM search_entry AS entry CROSS JOIN device
WHERE entry.application_id = :application_id AND entry.folded >= :first AND entry.folded < :last
  AND entry.kind = 'device' AND device.id = entry.id AND device.deleted_ms IS NULL
ORDER BY entry.folded, entry.id LIMIT :limit;
