-- The ids of the messages that wait for a server, in the order of sending. For the worker role.
SELECT user_id, id
FROM relay_messages
WHERE worker_id = %(worker_id)s AND expires_at > now()
ORDER BY number
LIMIT %(limit)s;
