-- Removes the changes that had expired at this time. The worker role may delete no others.
DELETE FROM changes WHERE expires_at < %(now)s;
