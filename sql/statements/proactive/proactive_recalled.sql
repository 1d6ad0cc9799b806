-- The patterns that are seen on enough days to be recalled, and the manifest of the tier in the first row.
SELECT pattern_digest, pattern_encrypted,
    CASE WHEN row_number() OVER (ORDER BY id) = 1 THEN
        (SELECT manifest_encrypted FROM memory_manifests WHERE user_id = %(user_id)s AND tier = 'proactive')
    END AS manifest
FROM memory_proactive
WHERE user_id = %(user_id)s AND confidence > 0
ORDER BY id;
