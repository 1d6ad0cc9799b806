-- Removes the kept contents of these requests. Their ids stay until they expire, so that a retry runs nothing twice.
UPDATE requests SET body_encrypted = NULL WHERE user_id = %(user_id)s AND request_id = ANY (%(request_ids)s);
