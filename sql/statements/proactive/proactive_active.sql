-- Patterns whose confidence is still above the threshold. It halves with each half-life since the last sighting.
SELECT id, pattern_digest, pattern_encrypted, source, updated_at,
    confidence * power(0.5, extract(epoch FROM now() - updated_at)::float / 86400 / %(half_life_days)s) AS confidence_now
FROM memory_proactive
WHERE user_id = %(user_id)s
    AND confidence > 0
    AND confidence * power(0.5, extract(epoch FROM now() - updated_at)::float / 86400 / %(half_life_days)s)
        >= %(threshold)s
ORDER BY confidence_now DESC
LIMIT %(limit)s;
