-- Gives a user an address and a password, unless one of the two was replaced meanwhile.
UPDATE users SET email = %(email)s, password_hash = %(new_hash)s
WHERE user_id = %(user_id)s AND email = %(old_email)s AND password_hash = %(old_hash)s
RETURNING user_id;
