-- Removes the vectors of all memories, because the sealed index has them.
UPDATE memory_associative SET embedding = NULL, embedding_model = NULL
WHERE user_id = %(user_id)s AND embedding IS NOT NULL;
