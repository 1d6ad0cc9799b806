-- One conversation: last message, number of exchanges, title, and the first exchange. No row if it has no exchange.
SELECT last.created_at, total.exchanges, c.title_encrypted, first.id, first.exchange_encrypted
FROM (
    SELECT e.created_at
    FROM memory_episodic AS e
    WHERE e.user_id = %(user_id)s AND e.session_id = %(conversation_id)s
    ORDER BY e.created_at DESC, e.id DESC
    LIMIT 1
) AS last
CROSS JOIN (
    SELECT e.id, e.exchange_encrypted
    FROM memory_episodic AS e
    WHERE e.user_id = %(user_id)s AND e.session_id = %(conversation_id)s
    ORDER BY e.created_at, e.id
    LIMIT 1
) AS first
CROSS JOIN (
    SELECT count(*) AS exchanges
    FROM memory_episodic AS e
    WHERE e.user_id = %(user_id)s AND e.session_id = %(conversation_id)s
) AS total
LEFT JOIN memory_conversations AS c ON c.user_id = %(user_id)s AND c.conversation_id = %(conversation_id)s;
