-- Removes the bodies of all of a user's requests. The ids stay until they expire, so that a retry runs nothing twice.
UPDATE requests SET body_encrypted = NULL WHERE user_id = %(user_id)s AND body_encrypted IS NOT NULL;
