-- Removes the vectors of memories learned from the episodes that follow these in their conversations, because the
-- vectors contain the earlier episodes. Queues the memories for new vectors.
WITH following AS (
    SELECT later.id
    FROM memory_episodic AS e
    CROSS JOIN LATERAL (
        SELECT n.id
        FROM memory_episodic AS n
        WHERE n.user_id = %(user_id)s AND n.session_id = e.session_id AND (n.created_at, n.id) > (e.created_at, e.id)
        ORDER BY n.created_at, n.id
        LIMIT 1
    ) AS later
    WHERE e.user_id = %(user_id)s AND e.id = ANY (%(ids)s)
),
taken AS (
    UPDATE memory_associative
    SET embedding = NULL, embedding_model = NULL
    WHERE user_id = %(user_id)s AND source_id IN (SELECT id FROM following) AND embedding IS NOT NULL
    RETURNING id
),
unsigned AS (
    UPDATE memory_signatures
    SET embedding_model = NULL, signature = NULL, message_signature = NULL
    WHERE user_id = %(user_id)s AND memory_id IN (SELECT id FROM taken)
)
INSERT INTO memory_unembedded (user_id, memory_id)
SELECT %(user_id)s, id FROM taken
ON CONFLICT (user_id, memory_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, claim = NULL;
