-- Removes core values with their history.
DELETE FROM memory_core WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
