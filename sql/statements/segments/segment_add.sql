-- Stores a segment.
INSERT INTO memory_segments (user_id, id, memory_ids, segment_encrypted)
VALUES (%(user_id)s, %(id)s, %(memory_ids)s, %(segment_encrypted)s);
