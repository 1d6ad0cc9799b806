-- A user: one row, or none.
SELECT user_id, email, password_hash, encryption_key, created_at FROM users WHERE user_id = %(user_id)s;
