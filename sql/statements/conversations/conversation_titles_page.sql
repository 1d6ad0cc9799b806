-- Titles in the order of their conversations' ids, after the given id: for the export, and for a change of key.
SELECT conversation_id, title_encrypted, source_id
FROM memory_conversations
WHERE user_id = %(user_id)s AND conversation_id > %(after)s::text AND title_encrypted IS NOT NULL
ORDER BY conversation_id
LIMIT %(limit)s;
