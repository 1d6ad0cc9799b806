-- Those of the digests that have a tombstone of this time or later, with its time.
SELECT digest, until FROM memory_forgotten
WHERE user_id = %(user_id)s AND digest = ANY (%(digests)b::bytea[]) AND until >= %(at)s;
