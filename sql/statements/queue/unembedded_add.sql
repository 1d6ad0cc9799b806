-- Notes that the memory of this identity awaits its vector. Who works on an older text of it has lost the claim.
INSERT INTO memory_unembedded (user_id, memory_id)
SELECT user_id, id FROM memory_associative WHERE user_id = %(user_id)s AND content_digest = %(content_digest)s
ON CONFLICT (user_id, memory_id) DO UPDATE SET due_at = now(), attempts = 0, claim = NULL;
