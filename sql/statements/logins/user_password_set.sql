-- Replaces a password, unless it was replaced meanwhile.
UPDATE users SET password_hash = %(new_hash)s
WHERE user_id = %(user_id)s AND password_hash = %(old_hash)s
RETURNING user_id;
