-- name: flow_custom_nodes
-- Read custom nodes: what runs of each by default, its develop version, and versions by name.
SELECT
    flow.id, flow.document AS flow, NULL AS version, NULL AS version_name,
    CAST(flow.default_version_id IS NULL AS INTEGER) AS runs
FROM flow
WHERE flow.application_id = :application_id
    AND flow.flow_class = 'customNode'
    AND flow.id = ANY(:ids::text[])
UNION ALL
SELECT
    flow.id, flow.document, version.document, version.version,
    CAST(COALESCE(version.id = flow.default_version_id, false) AS INTEGER)
FROM flow
JOIN flow_version AS version ON version.flow_id = flow.id
WHERE flow.application_id = :application_id
    AND flow.flow_class = 'customNode'
    AND flow.id = ANY(:ids::text[])
    AND (
        version.id = flow.default_version_id
        OR version.version = ANY(:versions::text[])
    );
