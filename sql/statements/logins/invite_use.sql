-- Takes an invite: one row, or none if it is unknown, used, expired, or for another address.
WITH used AS (
    DELETE FROM invites
    WHERE digest = %(invite_digest)s AND (email IS NULL OR lower(email) = lower(%(email)s))
    RETURNING digest, expires_at
)
SELECT digest FROM used WHERE expires_at > now();
