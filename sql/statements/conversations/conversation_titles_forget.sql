-- Removes the titles that were made from these episodes, and those of conversations without any exchange.
UPDATE memory_conversations AS c
SET title_encrypted = NULL, source_id = NULL
WHERE
    c.user_id = %(user_id)s AND c.title_encrypted IS NOT NULL
    AND (
        c.source_id = ANY (%(ids)s)
        OR NOT EXISTS (
            SELECT FROM memory_episodic AS e WHERE e.user_id = %(user_id)s AND e.session_id = c.conversation_id
        )
    );
