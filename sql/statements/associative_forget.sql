-- Removes a memory, with its terms.
DELETE FROM memory_associative WHERE user_id = %(user_id)s AND id = %(id)s;
