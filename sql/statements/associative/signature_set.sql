-- Stores what a search compares of the memory with this content digest. Changes nothing if it is the same as before.
INSERT INTO memory_signatures (
    user_id, memory_id, embedding_model, signature, message_signature, length, session, created_at
)
SELECT
    m.user_id, m.id, m.embedding_model, binary_quantize(m.embedding)::bit(1536), binary_quantize(s.embedding)::bit(1536),
    m.length, md5(e.session_id)::uuid, m.created_at
FROM memory_associative AS m
LEFT JOIN memory_messages AS s
    ON s.user_id = %(user_id)s AND s.memory_id = m.id AND s.embedding_model = m.embedding_model
LEFT JOIN memory_episodic AS e ON e.user_id = %(user_id)s AND e.id = m.source_id
WHERE m.user_id = %(user_id)s AND m.content_digest = %(content_digest)s
ON CONFLICT (user_id, memory_id) DO UPDATE
SET embedding_model = excluded.embedding_model, signature = excluded.signature,
    message_signature = excluded.message_signature, length = excluded.length, session = excluded.session
WHERE (
    memory_signatures.embedding_model, memory_signatures.signature, memory_signatures.message_signature,
    memory_signatures.length, memory_signatures.session
) IS DISTINCT FROM (
    excluded.embedding_model, excluded.signature, excluded.message_signature, excluded.length, excluded.session
);
