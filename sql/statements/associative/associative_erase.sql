-- Removes all memories.
DELETE FROM memory_associative WHERE user_id = %(user_id)s;
