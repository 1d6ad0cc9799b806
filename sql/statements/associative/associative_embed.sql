-- Gives a memory the vector of another model, unless it has become another memory meanwhile.
UPDATE memory_associative
SET embedding = %(embedding)s, embedding_model = %(embedding_model)s
WHERE user_id = %(user_id)s AND id = %(id)s AND content_digest = %(content_digest)s;
