-- Queues the memory with this content digest for a vector. A worker that claimed its older text loses the claim.
INSERT INTO memory_unembedded (user_id, memory_id)
SELECT user_id, id FROM memory_associative WHERE user_id = %(user_id)s AND content_digest = %(content_digest)s
ON CONFLICT (user_id, memory_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, claim = NULL;
