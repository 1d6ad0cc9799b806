-- Stores the vector of the person's message alone for the memory with this content digest.
INSERT INTO memory_messages (user_id, memory_id, embedding, embedding_model)
SELECT user_id, id, %(message_embedding)s, %(embedding_model)s
FROM memory_associative
WHERE user_id = %(user_id)s AND content_digest = %(content_digest)s
ON CONFLICT (user_id, memory_id) DO UPDATE
SET embedding = excluded.embedding, embedding_model = excluded.embedding_model;
