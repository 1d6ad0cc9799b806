-- Removes messages that nobody took in time. For the worker role, which may delete no others.
DELETE FROM relay_messages WHERE expires_at < now();
