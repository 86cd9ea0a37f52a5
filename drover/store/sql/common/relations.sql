-- name: device_tag_clear
-- Forget each tag of a device.
DELETE FROM device_tag WHERE device_id = :device_id;

-- name: device_tag_add
-- Note a tag of a device.
INSERT INTO device_tag (application_id, device_id, key, value)
VALUES (:application_id, :device_id, :key, :value);

-- name: device_attribute_clear
-- Forget each attribute of a device.
DELETE FROM device_attribute WHERE device_id = :device_id;

-- name: device_attribute_add
-- Note an attribute of a device.
INSERT INTO device_attribute (application_id, device_id, name, data_type)
VALUES (:application_id, :device_id, :name, :data_type);

-- name: device_ancestor_clear
-- Forget each ancestor of a device.
DELETE FROM device_ancestor WHERE device_id = :device_id;

-- name: device_ancestor_add
-- Note an ancestor of a device.
INSERT INTO device_ancestor (device_id, ancestor_id)
VALUES (:device_id, :ancestor_id);

-- name: event_tag_clear
-- Forget each tag of an event.
DELETE FROM event_tag WHERE event_id = :event_id;

-- name: event_tag_add
-- Note a tag of an event.
INSERT INTO event_tag (application_id, event_id, key, value)
VALUES (:application_id, :event_id, :key, :value);

-- name: experience_user_tag_clear
-- Forget each tag of an experience user.
DELETE FROM experience_user_tag WHERE user_id = :user_id;

-- name: experience_user_tag_add
-- Note a tag of an experience user.
INSERT INTO experience_user_tag (application_id, user_id, key, value)
VALUES (:application_id, :user_id, :key, :value);

-- name: experience_group_tag_clear
-- Forget each tag of a group.
DELETE FROM experience_group_tag WHERE group_id = :group_id;

-- name: experience_group_tag_add
-- Note a tag of a group.
INSERT INTO experience_group_tag (application_id, group_id, key, value)
VALUES (:application_id, :group_id, :key, :value);

-- name: experience_group_line_clear
-- Forget each group in the line of a group.
DELETE FROM experience_group_line WHERE group_id = :group_id;

-- name: experience_group_line_add
-- Note a group in the line of a group.
INSERT INTO experience_group_line (group_id, above_id)
VALUES (:group_id, :above_id);

-- name: experience_group_device_clear
-- Forget each device a group owns.
DELETE FROM experience_group_device WHERE group_id = :group_id;

-- name: experience_group_device_add
-- Note a device a group owns.
INSERT INTO experience_group_device (group_id, device_id)
VALUES (:group_id, :device_id);

-- name: experience_group_device_tag_clear
-- Forget each tag of devices a group owns.
DELETE FROM experience_group_device_tag WHERE group_id = :group_id;

-- name: experience_group_device_tag_add
-- Note a tag of devices a group owns.
INSERT INTO experience_group_device_tag (application_id, group_id, key, value)
VALUES (:application_id, :group_id, :key, :value);

-- name: experience_group_endpoint_clear
-- Forget each endpoint of a group.
DELETE FROM experience_group_endpoint WHERE group_id = :group_id;

-- name: experience_group_endpoint_add
-- Note an endpoint of a group.
INSERT INTO experience_group_endpoint (group_id, endpoint_id)
VALUES (:group_id, :endpoint_id);

-- name: user_membership_clear
-- Forget each group of an experience user.
DELETE FROM experience_membership WHERE user_id = :user_id;

-- name: user_membership_add
-- Note a group of an experience user.
INSERT INTO experience_membership (group_id, user_id)
VALUES (:group_id, :user_id);

-- name: group_membership_clear
-- Forget each user of a group.
DELETE FROM experience_membership WHERE group_id = :group_id;

-- name: group_membership_add
-- Note a user of a group.
INSERT INTO experience_membership (group_id, user_id)
VALUES (:group_id, :user_id);
