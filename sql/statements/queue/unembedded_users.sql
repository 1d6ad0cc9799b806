-- Users with memories that wait for vectors, the longest waiting first. For the worker role.
SELECT user_id
FROM memory_unembedded
WHERE due_at <= now()
GROUP BY user_id
ORDER BY min(due_at)
LIMIT %(limit)s;
