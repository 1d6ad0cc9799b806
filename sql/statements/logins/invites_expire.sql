-- Removes the invites that had expired at this time. The worker role may delete no others.
DELETE FROM invites WHERE expires_at < %(now)s;
