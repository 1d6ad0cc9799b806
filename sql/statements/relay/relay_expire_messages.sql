-- Removes expired messages. The worker role may delete no other messages.
DELETE FROM relay_messages WHERE expires_at < now();
