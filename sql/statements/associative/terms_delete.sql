-- Removes the terms of the memory with this content digest.
DELETE FROM memory_terms
WHERE user_id = %(user_id)s
    AND memory_id = (
        SELECT id FROM memory_associative WHERE user_id = %(user_id)s AND content_digest = %(content_digest)s
    );
