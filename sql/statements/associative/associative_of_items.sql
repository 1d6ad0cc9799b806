-- Memories with these ids, and memories learned from episodes with these ids; each with all its sources.
SELECT
    id, source, source_id,
    ARRAY(
        SELECT s.episode_id FROM memory_sources AS s
        WHERE s.user_id = %(user_id)s AND s.memory_id = memory_associative.id
    ) AS sources,
    content_digest, content_encrypted, entity_type, entity_id
FROM memory_associative
WHERE user_id = %(user_id)s
    AND id IN (
        SELECT unnest(%(ids)s::uuid[])
        UNION
        SELECT s.memory_id FROM memory_sources AS s WHERE s.user_id = %(user_id)s AND s.episode_id = ANY (%(ids)s)
    );
