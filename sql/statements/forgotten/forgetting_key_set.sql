-- Stores the sealed key of digests of forgotten things.
UPDATE users SET forgetting_key_encrypted = %(forgetting_key_encrypted)s WHERE user_id = %(user_id)s;
