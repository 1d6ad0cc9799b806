-- A user's changes after the given number, in order.
SELECT number, mutation_id, device_id, body_encrypted
FROM changes
WHERE user_id = %(user_id)s AND number > %(after_number)s
ORDER BY number
LIMIT %(limit)s;
