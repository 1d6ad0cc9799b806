-- Users with messages that wait for a server, in the order of their ids from `start`. For the worker role.
SELECT DISTINCT user_id
FROM relay_messages
WHERE worker_id = %(server_id)s AND user_id >= %(start)s AND expires_at > now()
ORDER BY user_id
LIMIT %(limit)s;
