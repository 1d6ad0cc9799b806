-- Adds an invite.
INSERT INTO invites (digest, email, expires_at)
VALUES (%(new_invite_digest)s, %(email)s, now() + make_interval(secs => %(ttl_s)s))
ON CONFLICT (digest) DO NOTHING;
