-- Adds an episode, unless one of the same request is stored, or memory was erased, or its conversation forgotten, after
-- it was said.
INSERT INTO memory_episodic (user_id, id, request_id, session_id, summary_encrypted, exchange_encrypted, created_at)
SELECT
    user_id, %(id)s, %(request_id)s, %(session_id)s, %(summary_encrypted)s, %(exchange_encrypted)s, %(at)s
FROM users
WHERE
    user_id = %(user_id)s AND (memory_erased_at < %(at)s) IS NOT FALSE
    AND NOT EXISTS (
        SELECT FROM memory_conversations AS c
        WHERE c.user_id = %(user_id)s AND c.conversation_id = %(session_id)s AND c.forgotten_at >= %(at)s
    )
ON CONFLICT (user_id, request_id) DO NOTHING;
