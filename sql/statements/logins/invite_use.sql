-- Takes an invite: one row, or none if it is unknown, used, expired, or for another address.
DELETE FROM invites
WHERE digest = %(invite_digest)s AND expires_at > now() AND (email IS NULL OR lower(email) = lower(%(email)s))
RETURNING digest;
