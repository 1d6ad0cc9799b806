-- Stores the manifest of a tier.
INSERT INTO memory_manifests (user_id, tier, manifest_encrypted)
VALUES (%(user_id)s, %(tier)s, %(manifest_encrypted)s)
ON CONFLICT (user_id, tier) DO UPDATE
SET manifest_encrypted = excluded.manifest_encrypted;
