-- Memories without an entry in a segment, in the order of their ids, after the given id.
SELECT memory_id FROM memory_signatures WHERE user_id = %(user_id)s AND memory_id > %(after)s
EXCEPT
SELECT unnest(memory_ids) FROM memory_segments WHERE user_id = %(user_id)s
ORDER BY memory_id
LIMIT %(limit)s;
