-- Removes the vectors of all messages.
DELETE FROM memory_messages WHERE user_id = %(user_id)s;
