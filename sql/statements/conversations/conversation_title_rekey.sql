-- Replaces an encrypted title, re-encrypted with another key.
UPDATE memory_conversations
SET title_encrypted = %(title_encrypted)s
WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s;
