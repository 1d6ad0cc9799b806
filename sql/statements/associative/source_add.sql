-- Records that the memory with this content digest was learned from an episode, if both exist.
INSERT INTO memory_sources (user_id, memory_id, episode_id)
SELECT m.user_id, m.id, e.id
FROM memory_associative AS m
JOIN memory_episodic AS e ON e.user_id = %(user_id)s AND e.id = %(source_id)s
WHERE m.user_id = %(user_id)s AND m.content_digest = %(content_digest)s
ON CONFLICT DO NOTHING;
