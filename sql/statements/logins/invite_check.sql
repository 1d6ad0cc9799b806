-- Whether an invite can be used by an address: one row, or none if it is unknown, used, expired, or for another address.
SELECT digest FROM invites
WHERE digest = %(invite_digest)s AND (email IS NULL OR lower(email) = lower(%(email)s)) AND expires_at > now();
