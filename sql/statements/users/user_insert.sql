-- Adds a user, whose address was taken by account_insert in the same transaction. Gives one row (user_id, created_at).
-- encryption_key is the user's key wrapped by a master key, never the usable key.
INSERT INTO users (user_id, email, password_hash, encryption_key)
VALUES (%(user_id)s, %(email)s, %(password_hash)s, %(encryption_key)s)
RETURNING user_id, created_at;
