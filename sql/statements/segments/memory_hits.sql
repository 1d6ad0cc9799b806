-- Memories that a search in the sealed index found: the columns of memory_search before the scores, and those after them.
SELECT
    m.id, m.content_digest, m.content_encrypted, m.entity_type, m.entity_id, m.source, m.source_id, m.created_at, m.last_seen_at,
    before.id, before.summary_encrypted, following.id, following.summary_encrypted
FROM memory_associative AS m
LEFT JOIN memory_episodic AS e ON e.user_id = %(user_id)s AND e.id = m.source_id
LEFT JOIN LATERAL (
    SELECT b.id, b.summary_encrypted
    FROM memory_episodic AS b
    WHERE b.user_id = %(user_id)s AND b.session_id = e.session_id AND (b.created_at, b.id) < (e.created_at, e.id)
    ORDER BY b.created_at DESC, b.id DESC
    LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
    SELECT a.id, a.summary_encrypted
    FROM memory_episodic AS a
    WHERE a.user_id = %(user_id)s AND a.session_id = e.session_id AND (a.created_at, a.id) > (e.created_at, e.id)
    ORDER BY a.created_at, a.id
    LIMIT 1
) AS following ON true
WHERE m.user_id = %(user_id)s AND m.id = ANY (%(ids)s);
