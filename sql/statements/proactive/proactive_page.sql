-- Patterns in the order of their ids, after the given id: for the export, and for a change of key. The first row has the
-- manifest of the tier too.
SELECT id, pattern_digest, pattern_encrypted, confidence, source, created_at, updated_at,
    CASE WHEN row_number() OVER (ORDER BY id) = 1 THEN
        (SELECT manifest_encrypted FROM memory_manifests WHERE user_id = %(user_id)s AND tier = 'proactive')
    END AS manifest
FROM memory_proactive
WHERE user_id = %(user_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s;
