-- Memories without a vector of this model, in the order of their ids, after the given id.
SELECT id, content_encrypted, content_digest, source_id
FROM memory_associative
WHERE user_id = %(user_id)s AND id > %(after)s AND embedding_model IS DISTINCT FROM %(embedding_model)s
ORDER BY id
LIMIT %(limit)s;
