-- Users whose key is due to be replaced, the longest waiting first. For the worker role.
SELECT user_id
FROM users
WHERE rekey_due_at <= now()
ORDER BY rekey_due_at
LIMIT %(limit)s;
