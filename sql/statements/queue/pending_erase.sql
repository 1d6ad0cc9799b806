-- Takes all of a user's episodes out of the enrichment queue, in the order of their ids. Waits for workers that have
-- locked some of them.
DELETE FROM memory_pending
WHERE user_id = %(user_id)s
    AND episode_id = ANY (
        ARRAY(SELECT episode_id FROM memory_pending WHERE user_id = %(user_id)s ORDER BY episode_id FOR UPDATE)
    );
