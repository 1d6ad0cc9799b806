-- Adds a memory, or updates the one with the same content digest.
INSERT INTO memory_associative (
    user_id, id, content_encrypted, embedding, embedding_model, length, content_digest, entity_type, entity_id,
    source, source_id, created_at, updated_at, last_seen_at
)
VALUES (
    %(user_id)s, %(id)s, %(content_encrypted)s, %(embedding)s, %(embedding_model)s, %(length)s, %(content_digest)s,
    %(entity_type)s, %(entity_id)s, %(source)s, %(source_id)s, %(at)s, %(at)s, %(at)s
)
ON CONFLICT (user_id, content_digest) DO UPDATE
SET content_encrypted = excluded.content_encrypted,
    embedding = excluded.embedding,
    embedding_model = excluded.embedding_model,
    length = excluded.length,
    source_id = coalesce(excluded.source_id, memory_associative.source_id),
    updated_at = excluded.updated_at,
    last_seen_at = excluded.last_seen_at,
    hits = memory_associative.hits + 1
RETURNING id;
