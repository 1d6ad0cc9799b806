-- Removes the messages that had expired at this time. The worker role may delete no other messages.
DELETE FROM relay_messages WHERE expires_at < %(now)s;
