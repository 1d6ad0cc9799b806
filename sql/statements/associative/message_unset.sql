-- Removes the vector of the person's message alone from the memory with this content digest.
DELETE FROM memory_messages
WHERE user_id = %(user_id)s AND memory_id IN (
    SELECT id FROM memory_associative WHERE user_id = %(user_id)s AND content_digest = %(content_digest)s
);
