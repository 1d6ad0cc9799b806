-- Remembers for two days that an account was deleted.
INSERT INTO deleted_users (user_id) VALUES (%(user_id)s)
ON CONFLICT (user_id) DO UPDATE SET deleted_at = excluded.deleted_at
RETURNING user_id;
