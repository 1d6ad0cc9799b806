-- The nearest memory by vector, of the same model and kind: one row, or none. Compares only the memories whose
-- signatures are nearest, of any kind. A near duplicate is always one of those.
WITH nearby AS (
    SELECT memory_id AS id
    FROM memory_signatures
    WHERE user_id = %(user_id)s AND embedding_model = %(embedding_model)s
    ORDER BY signature <~> (SELECT binary_quantize(%(embedding)s::vector)::bit(1536))
    LIMIT 40
)
SELECT m.id, m.content_digest, m.content_encrypted, 1 - (m.embedding <=> %(embedding)s::vector) AS cosine
FROM nearby
JOIN memory_associative AS m ON m.user_id = %(user_id)s AND m.id = nearby.id
WHERE m.embedding_model = %(embedding_model)s AND m.source = %(source)s
ORDER BY cosine DESC
LIMIT 1;
