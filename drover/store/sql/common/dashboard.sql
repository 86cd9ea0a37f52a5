-- name: dashboard_place
-- Read where a dashboard is kept.
SELECT kind, application_id FROM document
WHERE id = :id AND kind IN ('applicationDashboard', 'dashboard');

-- name: dashboards_unscheduled
-- Read the dashboards with reports that have no schedule.
SELECT kind, application_id, document FROM document
WHERE kind IN ('applicationDashboard', 'dashboard')
    AND document LIKE '%"reportConfigs":[{%'
    AND NOT EXISTS (
        SELECT 1 FROM schedule
        WHERE schedule.kind = :schedule_kind AND schedule.owner = document.id);

-- name: dashboards_remove_owned
-- Delete the dashboards of a user or an organisation.
DELETE FROM document WHERE application_id = :owner_id AND kind = 'dashboard';
