-- Stores a title that was made from an episode, unless the conversation has a title or an earlier episode.
INSERT INTO memory_conversations AS c (user_id, conversation_id, title_encrypted, source_id)
SELECT e.user_id, e.session_id, %(title_encrypted)s, e.id
FROM memory_episodic AS e
WHERE
    e.user_id = %(user_id)s AND e.id = %(id)s AND e.session_id = %(conversation_id)s
    AND NOT EXISTS (
        SELECT FROM memory_episodic AS b
        WHERE b.user_id = %(user_id)s AND b.session_id = e.session_id AND (b.created_at, b.id) < (e.created_at, e.id)
    )
ON CONFLICT (user_id, conversation_id) DO UPDATE
SET title_encrypted = excluded.title_encrypted, source_id = excluded.source_id
WHERE c.title_encrypted IS NULL;
