-- Removes segments, because others take their place.
DELETE FROM memory_segments WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
