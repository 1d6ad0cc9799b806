-- Adds tombstones: digests of forgotten items, each with the time up to which it holds.
INSERT INTO memory_forgotten (user_id, digest, until)
SELECT %(user_id)s, digest, %(until)s FROM unnest(%(digests)s::bytea[]) AS forgotten (digest)
ON CONFLICT (user_id, digest) DO UPDATE SET until = greatest(memory_forgotten.until, excluded.until);
