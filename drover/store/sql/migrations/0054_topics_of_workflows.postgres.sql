-- First levels of topics that nodes of workflows publish on, for those saved before they were noted:
-- devices may use these topics. Levels that are no free ones are left out where they are read.
INSERT INTO flow_trigger (application_id, flow_id, version_id, position, type, key, config)
WITH definition AS (
    SELECT application_id, id AS flow_id, '' AS version_id, document FROM flow
    UNION ALL
    SELECT application_id, flow_id, id, document FROM flow_version
),
-- PostgreSQL takes no text apart that holds a zero byte.
readable AS MATERIALIZED (
    SELECT * FROM definition
    WHERE document LIKE '%"MqttMessageNode"%' AND document NOT LIKE '%\\u0000%'
),
published AS (
    SELECT DISTINCT
        application_id, flow_id, version_id,
        split_part(node -> 'config' ->> 'topicTemplate', '/', 1) AS level
    FROM readable, json_array_elements(document::json -> 'nodes') AS node
    WHERE node ->> 'type' = 'MqttMessageNode'
)
SELECT
    application_id, flow_id, version_id,
    10000 + row_number() OVER (PARTITION BY flow_id, version_id ORDER BY level),
    '$publishes', level, '{}'
FROM published
WHERE
    level <> '' AND position('{{' IN level) = 0
    AND NOT EXISTS (
        SELECT 1 FROM flow_trigger AS noted
        WHERE
            noted.flow_id = published.flow_id AND noted.version_id = published.version_id
            AND noted.type = '$publishes'
    );
