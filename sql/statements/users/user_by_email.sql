-- The user with this e-mail address, in any case: one row, or none.
SELECT user_id, email, password_hash, encryption_key, created_at
FROM users
WHERE lower(email) = lower(%(email)s);
