-- name: experience_user_get
-- Read an experience user.
SELECT id, document, apart, NULL AS parent_id
FROM experience_user WHERE application_id = :application_id AND id = :id;

-- name: experience_user_lock
-- Read an experience user, keeping others from changing it until the end of the transaction.
SELECT id, document, apart, NULL AS parent_id
FROM experience_user WHERE application_id = :application_id AND id = :id;

-- name: experience_user_add
-- Insert an experience user.
INSERT INTO experience_user (
    application_id, id, email, first_name, last_name, last_login_ms, password_updated_ms,
    created_ms, updated_ms, apart, document
) VALUES (
    :application_id, :id, :email, :first_name, :last_name, :last_login_ms,
    :password_updated_ms, :created_ms, :updated_ms, :apart, :document
);

-- name: experience_user_put
-- Replace an experience user.
UPDATE experience_user SET
    email = :email, first_name = :first_name, last_name = :last_name, last_login_ms =
    :last_login_ms, password_updated_ms = :password_updated_ms, updated_ms = :updated_ms,
    apart = :apart, document = :document
WHERE application_id = :application_id AND id = :id;

-- name: experience_user_remove
-- Delete an experience user.
DELETE FROM experience_user WHERE application_id = :application_id AND id = :id;
