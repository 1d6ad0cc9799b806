-- The ids of the segments with an entry of one of these memories.
SELECT id FROM memory_segments WHERE user_id = %(user_id)s AND memory_ids && %(ids)s;
