-- Removes all terms.
DELETE FROM memory_terms WHERE user_id = %(user_id)s;
