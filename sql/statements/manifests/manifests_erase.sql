-- Removes the manifests of all tiers.
DELETE FROM memory_manifests WHERE user_id = %(user_id)s;
