-- Removes a conversation's title, and refuses to store what was said in it until now.
INSERT INTO memory_conversations (user_id, conversation_id, forgotten_at)
VALUES (%(user_id)s, %(conversation_id)s, %(at)s)
ON CONFLICT (user_id, conversation_id) DO UPDATE
SET title_encrypted = NULL, source_id = NULL, forgotten_at = excluded.forgotten_at;
