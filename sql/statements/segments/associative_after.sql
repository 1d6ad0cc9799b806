-- Queues the memories learned from the episodes that follow these in their conversations for new vectors, because their
-- vectors contain the earlier episodes. Gives the ids of the memories, whose vectors the sealed index must lose.
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
)
INSERT INTO memory_unembedded (user_id, memory_id)
SELECT %(user_id)s, id FROM memory_associative
WHERE user_id = %(user_id)s AND source_id IN (SELECT id FROM following)
ON CONFLICT (user_id, memory_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, claim = NULL
RETURNING memory_id;
