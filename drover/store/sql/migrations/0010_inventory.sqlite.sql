-- The inventory of all jobs: where each stands in the inventory's words, which jobs ran on a device,
-- and what is known of devices, folded so that it is found whatever its case.

ALTER TABLE execution ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN status TEXT GENERATED ALWAYS AS (
    CASE state
        WHEN 'new' THEN 'new' WHEN 'queued' THEN 'new'
        WHEN 'succeeded' THEN CASE
            WHEN succeeded = 0 AND failed + timed_out > 0 THEN 'failed' ELSE 'complete' END
        WHEN 'failed' THEN 'failed' WHEN 'canceled' THEN 'canceled'
        ELSE 'in_progress' END
) VIRTUAL;
CREATE INDEX execution_status ON execution (status, number);
CREATE INDEX execution_application_status ON execution (application_id, status, number);
CREATE INDEX execution_kind ON execution (kind, number);
CREATE INDEX execution_submitter ON execution ((CAST(coalesce(source_id, '') AS TEXT)), number);
CREATE INDEX execution_owner ON execution (owner_id, number) WHERE application_id IS NULL;
CREATE INDEX execution_discarded ON execution (number) WHERE discarded = 1;
CREATE INDEX iteration_resource ON iteration (resource_id, execution);

-- Numbers in number as well; a group's path without its outer slashes.
CREATE TABLE device_fact (
    application_id TEXT NOT NULL,
    device_id      TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    field          TEXT NOT NULL,
    value          TEXT NOT NULL,
    number         DOUBLE PRECISION,
    PRIMARY KEY (device_id, field, value)
) WITHOUT ROWID;
CREATE INDEX device_fact_value ON device_fact (field, value, device_id);
CREATE INDEX device_last_attribute ON device_last (attribute, device_id);

-- What devices stored before are known by; saving a device writes its facts anew.
INSERT INTO device_fact (application_id, device_id, field, value)
SELECT application_id, id, 'name', casefold(name) FROM device;
INSERT INTO device_fact (application_id, device_id, field, value)
SELECT DISTINCT application_id, device_id, 'tags', casefold(value) FROM device_tag
WHERE key IN ('tag', 'tags');
INSERT INTO device_fact (application_id, device_id, field, value)
SELECT application_id, device_id, key, casefold(min(value)) FROM device_tag
WHERE key IN ('carrier','carrier2','contact','firmware_version','ip','location','mac','network','network2','notes','public_ip','serial_number','type','health_status','restricted_status')
GROUP BY application_id, device_id, key;
INSERT INTO device_fact (application_id, device_id, field, value)
SELECT application_id, device_id, key, trim(casefold(min(value)), '/') FROM device_tag
WHERE key = 'group' GROUP BY application_id, device_id, key;
INSERT INTO device_fact (application_id, device_id, field, value, number)
SELECT application_id, device_id, key, min(value), CAST(min(value) AS DOUBLE PRECISION)
FROM device_tag
WHERE key IN ('signal_percent','signal_percent2','signal_quality','signal_quality2','signal_strength','signal_strength2','vendor_id')
  AND value GLOB '[0-9]*' AND value NOT GLOB '*[^0-9]*'
GROUP BY application_id, device_id, key;
