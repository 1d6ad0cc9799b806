-- Removes all tombstones: their digests are useless under another key.
DELETE FROM memory_forgotten WHERE user_id = %(user_id)s;
