-- Removes expired requests. The worker role may delete no others.
DELETE FROM requests WHERE expires_at < now();
