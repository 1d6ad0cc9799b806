-- Forgets request ids whose time is over. For the worker role, which may delete no others.
DELETE FROM relay_requests WHERE expires_at < now();
