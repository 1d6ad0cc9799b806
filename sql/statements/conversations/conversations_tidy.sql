-- Removes rows without a title. Requests that ran when a conversation was forgotten have ended a day later.
DELETE FROM memory_conversations
WHERE
    user_id = %(user_id)s AND title_encrypted IS NULL
    AND (forgotten_at IS NULL OR forgotten_at < %(day_before)s);
