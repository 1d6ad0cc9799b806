-- Removes expired request ids. The worker role may delete no other request ids.
DELETE FROM relay_requests WHERE expires_at < now();
