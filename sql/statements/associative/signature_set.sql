-- Stores what a search compares of the memory with this content digest. Changes nothing if it is the same as before.
INSERT INTO memory_signatures (user_id, memory_id, embedding_model, signature, length)
SELECT user_id, id, embedding_model, binary_quantize(embedding)::bit(1536), length
FROM memory_associative
WHERE user_id = %(user_id)s AND content_digest = %(content_digest)s
ON CONFLICT (user_id, memory_id) DO UPDATE
SET embedding_model = excluded.embedding_model, signature = excluded.signature, length = excluded.length
WHERE (memory_signatures.embedding_model, memory_signatures.signature, memory_signatures.length)
    IS DISTINCT FROM (excluded.embedding_model, excluded.signature, excluded.length);
