-- Adds tombstones: digests of forgotten items, each with the time up to which it holds. One that is needed for good stays so.
INSERT INTO memory_forgotten (user_id, digest, until, expires)
SELECT %(user_id)s, digest, %(until)s, %(expires)s FROM unnest(%(digests)b::bytea[]) AS forgotten (digest)
ON CONFLICT (user_id, digest) DO UPDATE
SET until = greatest(memory_forgotten.until, excluded.until),
    expires = memory_forgotten.expires AND excluded.expires;
