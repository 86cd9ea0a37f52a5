-- name: device_tags_clear
-- Forget the tags of a device.
DELETE FROM device_tag WHERE device_id = :device_id;

-- name: device_tag_add
-- Note a tag of a device.
INSERT INTO device_tag (application_id, device_id, key, value)
VALUES (:application_id, :device_id, :key, :value);

-- name: device_attributes_clear
-- Forget the attributes of a device.
DELETE FROM device_attribute WHERE device_id = :device_id;

-- name: device_attribute_add
-- Note an attribute of a device.
INSERT INTO device_attribute (application_id, device_id, name, data_type)
VALUES (:application_id, :device_id, :name, :data_type);

-- name: device_ancestors_clear
-- Forget the ancestors of a device.
DELETE FROM device_ancestor WHERE device_id = :device_id;

-- name: device_ancestor_add
-- Note an ancestor of a device.
INSERT INTO device_ancestor (device_id, ancestor_id) VALUES (:device_id, :ancestor_id);
