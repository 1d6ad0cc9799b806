-- The number of the user's memories that PostgreSQL searches, of those with a vector, and of those with one of the message: one row.
SELECT count(*) AS memories, count(signature) AS vectors, count(message_signature) AS messages
FROM memory_signatures
WHERE user_id = %(user_id)s;
