-- Conversations by their last message, newest first, with the title and the first exchange.
WITH page AS (
    SELECT session_id, max(created_at) AS last_at, count(*) AS exchanges
    FROM memory_episodic
    WHERE user_id = %(user_id)s AND session_id <> ''
    GROUP BY session_id
    HAVING
        %(before_at)s::timestamptz IS NULL
        OR (max(created_at), session_id) < (%(before_at)s::timestamptz, %(before_id)s::text)
    ORDER BY max(created_at) DESC, session_id DESC
    LIMIT %(limit)s
)
SELECT page.session_id, page.last_at, page.exchanges, c.title_encrypted, first.id, first.exchange_encrypted
FROM page
LEFT JOIN memory_conversations AS c ON c.user_id = %(user_id)s AND c.conversation_id = page.session_id
LEFT JOIN LATERAL (
    SELECT e.id, e.exchange_encrypted
    FROM memory_episodic AS e
    WHERE e.user_id = %(user_id)s AND e.session_id = page.session_id
    ORDER BY e.created_at, e.id
    LIMIT 1
) AS first ON true
ORDER BY page.last_at DESC, page.session_id DESC;
