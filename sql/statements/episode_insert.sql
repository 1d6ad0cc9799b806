-- Adds an episode, unless there is one of the same request already.
INSERT INTO memory_episodic (user_id, id, request_id, session_id, summary_encrypted, exchange_encrypted, created_at)
VALUES (
    %(user_id)s, %(id)s, %(request_id)s, %(session_id)s, %(summary_encrypted)s, %(exchange_encrypted)s, %(at)s
)
ON CONFLICT (user_id, request_id) DO NOTHING;
