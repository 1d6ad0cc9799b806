-- Removes all patterns.
DELETE FROM memory_proactive WHERE user_id = %(user_id)s;
