-- name: groups_of_users
-- Read the groups of some experience users.
SELECT member.user_id, own.id, own.name, own.parent_id
FROM experience_membership AS member
JOIN experience_group AS own ON own.id = member.group_id
WHERE member.user_id IN (SELECT value FROM json_each(:ids))
ORDER BY member.user_id, own.name, own.id;

-- name: users_of_groups
-- Read the users of some groups.
SELECT group_id, user_id FROM experience_membership
WHERE group_id IN (SELECT value FROM json_each(:ids))
ORDER BY group_id, user_id;
