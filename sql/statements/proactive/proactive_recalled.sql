-- The manifest of the patterns that are seen on enough days to be recalled: one row, or none without such patterns. Without a
-- manifest: all these patterns.
SELECT p.pattern_digest, p.pattern_encrypted, m.manifest_encrypted AS manifest
FROM (
    SELECT pattern_digest, pattern_encrypted, row_number() OVER (ORDER BY id) AS place
    FROM memory_proactive
    WHERE user_id = %(user_id)s AND confidence > 0
) AS p
LEFT JOIN memory_manifests AS m ON m.user_id = %(user_id)s AND m.tier = 'proactive'
WHERE m.user_id IS NULL OR p.place = 1
ORDER BY p.place;
