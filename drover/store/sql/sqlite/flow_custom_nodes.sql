-- name: flow_custom_nodes
-- Read custom nodes: what runs of each by default, its develop version, and versions by name.
SELECT
    flow.id, flow.document AS flow, NULL AS version, NULL AS version_name,
    flow.default_version_id IS NULL AS runs
FROM flow
WHERE flow.application_id = :application_id
    AND flow.flow_class = 'customNode'
    AND flow.id IN (SELECT value FROM json_each(:ids))
UNION ALL
SELECT
    flow.id, flow.document, version.document, version.version,
    COALESCE(version.id = flow.default_version_id, 0)
FROM flow
JOIN flow_version AS version ON version.flow_id = flow.id
WHERE flow.application_id = :application_id
    AND flow.flow_class = 'customNode'
    AND flow.id IN (SELECT value FROM json_each(:ids))
    AND (
        version.id = flow.default_version_id
        OR version.version IN (SELECT value FROM json_each(:versions))
    );
