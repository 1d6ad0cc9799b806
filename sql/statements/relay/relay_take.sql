-- Takes the oldest messages of a user that wait for a server, each at most once, in the order of sending.
-- Gives them and the seconds until they expire. A message with no time left has expired: it is removed too.
WITH taken AS (
    DELETE FROM relay_messages
    WHERE user_id = %(user_id)s AND id IN (
        SELECT id FROM relay_messages
        WHERE user_id = %(user_id)s AND worker_id = %(server_id)s
        ORDER BY number
        LIMIT %(limit)s
    )
    RETURNING id, number, body_encrypted, expires_at
)
SELECT id, body_encrypted, extract(epoch FROM expires_at - clock_timestamp())::float8 AS left_s
FROM taken
ORDER BY number;
