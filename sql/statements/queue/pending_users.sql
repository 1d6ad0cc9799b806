-- Users with episodes that wait for enrichment, the longest waiting first. For the worker role.
SELECT user_id
FROM memory_pending
WHERE due_at <= now()
GROUP BY user_id
ORDER BY min(due_at)
LIMIT %(limit)s;
