-- The user's memory whose vector is nearest to this one and of the same model and kind: one row, or none.
SELECT id, content_digest, 1 - (embedding <=> %(embedding)s) AS cosine
FROM memory_associative
WHERE user_id = %(user_id)s AND embedding_model = %(embedding_model)s AND source = %(source)s
ORDER BY embedding <=> %(embedding)s
LIMIT 1;
