-- Segments by id.
SELECT id, segment_encrypted FROM memory_segments WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
