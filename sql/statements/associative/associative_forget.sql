-- Removes memories, with their terms.
DELETE FROM memory_associative WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
