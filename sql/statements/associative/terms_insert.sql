-- Stores the blind terms of the memory with this content digest, and how often each occurs.
INSERT INTO memory_terms (user_id, term, memory_id, tf, length)
SELECT m.user_id, t.term, m.id, t.tf, m.length
FROM memory_associative AS m, unnest(%(terms)b::bytea[], %(tfs)s::integer[]) AS t (term, tf)
WHERE m.user_id = %(user_id)s AND m.content_digest = %(content_digest)s;
