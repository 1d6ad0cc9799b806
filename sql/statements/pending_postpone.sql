-- Puts failed work off, ever longer; locks the rows in the order of their ids.
UPDATE memory_pending
SET attempts = attempts + 1, due_at = now() + make_interval(secs => %(delay_s)s)
WHERE user_id = %(user_id)s
    AND episode_id = ANY (
        ARRAY(
            SELECT episode_id
            FROM memory_pending
            WHERE user_id = %(user_id)s AND episode_id = ANY (%(ids)s)
            ORDER BY episode_id
            FOR UPDATE
        )
    );
