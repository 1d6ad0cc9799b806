-- Removes all segments.
DELETE FROM memory_segments WHERE user_id = %(user_id)s;
