-- What the entries of memories in a segment are made from, with their vectors. The last two columns are the vector of the person's
-- message alone.
SELECT m.id, m.content_digest, m.content_encrypted, m.created_at, md5(e.session_id)::uuid AS session, m.length,
    m.embedding, m.embedding_model, s.embedding AS message_embedding, s.embedding_model AS message_model
FROM memory_associative AS m
LEFT JOIN memory_messages AS s ON s.user_id = %(user_id)s AND s.memory_id = m.id
LEFT JOIN memory_episodic AS e ON e.user_id = %(user_id)s AND e.id = m.source_id
WHERE m.user_id = %(user_id)s AND m.id = ANY (%(ids)s);
