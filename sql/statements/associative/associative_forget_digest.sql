-- Removes the memory with this content digest, with its terms.
DELETE FROM memory_associative WHERE user_id = %(user_id)s AND content_digest = %(content_digest)s;
