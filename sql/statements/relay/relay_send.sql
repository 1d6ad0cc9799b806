-- Stores a message for a server.
INSERT INTO relay_messages (user_id, id, worker_id, body_encrypted, expires_at)
VALUES (%(user_id)s, %(id)s, %(server_id)s, %(body_encrypted)s, now() + make_interval(secs => %(ttl_s)s));
