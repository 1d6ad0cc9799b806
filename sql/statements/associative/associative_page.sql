-- Memories in the order of their ids, after the given id: for the export, and for a change of key or model.
-- The last two columns are the vector of the person's message alone.
SELECT m.id, m.content_encrypted, m.embedding, m.embedding_model, m.content_digest, m.entity_type, m.entity_id, m.source,
    m.source_id, m.created_at, m.updated_at, m.hits, s.embedding AS message_embedding, s.embedding_model AS message_model
FROM memory_associative AS m
LEFT JOIN memory_messages AS s ON s.user_id = %(user_id)s AND s.memory_id = m.id
WHERE m.user_id = %(user_id)s AND m.id > %(after)s
ORDER BY m.id
LIMIT %(limit)s;
