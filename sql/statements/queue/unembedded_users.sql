-- Users with memories that wait for vectors, in the order of their ids from `start`. For the worker role.
SELECT DISTINCT user_id
FROM memory_unembedded
WHERE user_id >= %(start)s AND due_at <= now()
ORDER BY user_id
LIMIT %(limit)s;
