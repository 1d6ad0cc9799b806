-- Removes the signatures of all memories.
DELETE FROM memory_signatures WHERE user_id = %(user_id)s;
