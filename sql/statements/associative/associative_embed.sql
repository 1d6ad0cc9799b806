-- Stores another model's vector for a memory, unless its contents have changed meanwhile.
UPDATE memory_associative
SET embedding = %(embedding)s, embedding_model = %(embedding_model)s
WHERE user_id = %(user_id)s AND id = %(id)s AND content_digest = %(content_digest)s;
