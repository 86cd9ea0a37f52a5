-- name: audit_entry_by_id
-- Read one entry of an organisation's audit log.
SELECT document FROM audit_entry WHERE org_id = :org_id AND id = :id;

-- name: retire_audit_log
-- Delete the oldest entries of audit logs.
DELETE FROM audit_entry WHERE id IN (
    SELECT id FROM audit_entry WHERE at_ms < :before_ms ORDER BY at_ms LIMIT :limit);

-- name: audited_dashboard
-- Read what a dashboard is called, and which application or organisation it is kept under.
SELECT board.name, board.kind, board.application_id AS kept_under,
       (SELECT organization.id FROM organization WHERE organization.id = board.application_id) AS org_id
FROM document AS board
WHERE board.id = :id AND board.kind IN ('applicationDashboard', 'dashboard');
