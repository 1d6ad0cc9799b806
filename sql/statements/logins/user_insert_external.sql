-- Adds a user of the identity provider, unless another server was faster.
INSERT INTO users (user_id, issuer, subject, encryption_key)
VALUES (%(user_id)s, %(issuer)s, %(subject)s, %(encryption_key)s)
ON CONFLICT (user_id) DO NOTHING
RETURNING user_id;
