-- Patterns whose confidence is still above the threshold. It halves with each half-life since the last sighting. The
-- first row has the manifest of the tier too.
--
-- Of the patterns of names (source of_names) only those with one of these digests: the names that occur in a message.
SELECT id, pattern_digest, pattern_encrypted, source, updated_at, confidence_now,
    CASE WHEN row_number() OVER (ORDER BY confidence_now DESC, id) = 1 THEN
        (SELECT manifest_encrypted FROM memory_manifests WHERE user_id = %(user_id)s AND tier = 'proactive')
    END AS manifest
FROM (
    SELECT id, pattern_digest, pattern_encrypted, source, updated_at,
        confidence * power(0.5, extract(epoch FROM now() - updated_at)::float / 86400 / %(half_life_days)s)
            AS confidence_now
    FROM memory_proactive
    WHERE user_id = %(user_id)s AND confidence > 0
        AND (source <> %(of_names)s OR pattern_digest = ANY (%(digests)b::bytea[]))
) AS pattern
WHERE confidence_now >= %(threshold)s
ORDER BY confidence_now DESC, id
LIMIT %(limit)s;
