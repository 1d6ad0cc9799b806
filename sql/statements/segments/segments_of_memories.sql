-- The segments with an entry of one of these memories.
SELECT id, segment_encrypted FROM memory_segments WHERE user_id = %(user_id)s AND memory_ids && %(ids)s;
