-- Removes what is noted of things forgotten: their digests mean nothing under another key.
DELETE FROM memory_forgotten WHERE user_id = %(user_id)s;
