-- Adds a user. Gives one row (user_id, created_at), or none if the e-mail address is taken, in any case.
-- encryption_key is the user's key wrapped by a master key, never the usable key.
INSERT INTO users (user_id, email, password_hash, encryption_key)
VALUES (%(user_id)s, %(email)s, %(password_hash)s, %(encryption_key)s)
ON CONFLICT (lower(email)) DO NOTHING
RETURNING user_id, created_at;
