-- Removes expired changes. The worker role may delete no others.
DELETE FROM changes WHERE expires_at < now();
