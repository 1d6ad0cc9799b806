-- The users with messages that wait for a server, the longest wait first. For the worker role.
SELECT user_id
FROM relay_messages
WHERE worker_id = %(server_id)s AND expires_at > now()
GROUP BY user_id
ORDER BY min(number)
LIMIT %(limit)s;
