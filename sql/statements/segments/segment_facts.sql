-- What the entries of memories in a segment are made from, by the content digests of the memories.
SELECT m.id, m.content_digest, m.content_encrypted, m.created_at, md5(e.session_id)::uuid AS session
FROM memory_associative AS m
LEFT JOIN memory_episodic AS e ON e.user_id = %(user_id)s AND e.id = m.source_id
WHERE m.user_id = %(user_id)s AND m.content_digest = ANY (%(content_digests)b::bytea[]);
