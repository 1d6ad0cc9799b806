-- Stores the encrypted key of the tombstones' digests.
UPDATE users SET forgetting_key_encrypted = %(forgetting_key_encrypted)s WHERE user_id = %(user_id)s;
