-- For each claimed episode, the previous episode in the same conversation, if there is one.
SELECT e.id, before.id, before.exchange_encrypted
FROM memory_pending AS p
JOIN memory_episodic AS e ON e.user_id = %(user_id)s AND e.id = p.episode_id
CROSS JOIN LATERAL (
    SELECT b.id, b.exchange_encrypted
    FROM memory_episodic AS b
    WHERE b.user_id = %(user_id)s AND b.session_id = e.session_id AND (b.created_at, b.id) < (e.created_at, e.id)
    ORDER BY b.created_at DESC, b.id DESC
    LIMIT 1
) AS before
WHERE p.user_id = %(user_id)s AND p.claim = %(claim)s;
