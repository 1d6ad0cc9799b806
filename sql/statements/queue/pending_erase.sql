-- Takes all of a user's episodes off the pending ones, in the order of their ids; waits for whoever works on them.
DELETE FROM memory_pending
WHERE user_id = %(user_id)s
    AND episode_id = ANY (
        ARRAY(SELECT episode_id FROM memory_pending WHERE user_id = %(user_id)s ORDER BY episode_id FOR UPDATE)
    );
