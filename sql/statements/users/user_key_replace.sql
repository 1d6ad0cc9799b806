-- Stores a new wrapped key.
UPDATE users SET encryption_key = %(encryption_key)s WHERE user_id = %(user_id)s;
