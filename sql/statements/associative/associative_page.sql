-- Memories in the order of their ids, after the given id: for the export, and for a change of key or model.
SELECT id, content_encrypted, embedding, embedding_model, content_digest, entity_type, entity_id, source, source_id,
    created_at, updated_at, hits
FROM memory_associative
WHERE user_id = %(user_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s;
