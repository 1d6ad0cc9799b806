-- The user with this email, in whatever case it is written: one row, or none.
SELECT user_id, email, password_hash, encryption_key, created_at
FROM users
WHERE lower(email) = lower(%(email)s);
