-- Removes all titles, and the marks of forgotten conversations.
DELETE FROM memory_conversations WHERE user_id = %(user_id)s;
