-- name: dashboard_place
-- Read where a dashboard is kept.
SELECT kind, application_id FROM document
WHERE id = :id AND kind IN ('applicationDashboard', 'dashboard');

-- name: dashboards_remove_owned
-- Delete the dashboards of a user or an organisation.
DELETE FROM document WHERE application_id = :owner_id AND kind = 'dashboard';
