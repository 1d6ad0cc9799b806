-- Memories with these ids, and memories learned from episodes with these ids.
SELECT id, source, source_id, earlier_source_ids, content_digest, content_encrypted, entity_type, entity_id
FROM memory_associative
WHERE user_id = %(user_id)s
    AND (id = ANY (%(ids)s) OR source_id = ANY (%(ids)s) OR earlier_source_ids && %(ids)s::uuid[]);
