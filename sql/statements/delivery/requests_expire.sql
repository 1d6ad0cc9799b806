-- Removes the requests that had expired at this time. The worker role may delete no others.
DELETE FROM requests WHERE expires_at < %(now)s;
