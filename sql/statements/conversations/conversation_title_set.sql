-- Stores a title that the person wrote, if the conversation has an exchange.
INSERT INTO memory_conversations (user_id, conversation_id, title_encrypted)
SELECT u.user_id, %(conversation_id)s, %(title_encrypted)s
FROM users AS u
WHERE
    u.user_id = %(user_id)s
    AND EXISTS (SELECT FROM memory_episodic AS e WHERE e.user_id = %(user_id)s AND e.session_id = %(conversation_id)s)
ON CONFLICT (user_id, conversation_id) DO UPDATE
SET title_encrypted = excluded.title_encrypted, source_id = NULL;
