-- All core values of a user, and the manifest of the tier in the first row.
SELECT id, key, value_encrypted, history_encrypted, created_at, updated_at, source_id,
    CASE WHEN row_number() OVER (ORDER BY key) = 1 THEN
        (SELECT manifest_encrypted FROM memory_manifests WHERE user_id = %(user_id)s AND tier = 'core')
    END AS manifest
FROM memory_core
WHERE user_id = %(user_id)s
ORDER BY key;
