-- Those of these memories that exist and have no entry in a segment.
SELECT memory_id FROM memory_signatures WHERE user_id = %(user_id)s AND memory_id = ANY (%(ids)s)
EXCEPT
SELECT unnest(memory_ids) FROM memory_segments WHERE user_id = %(user_id)s;
