-- What a user stores: the number of memories (exchanges and items), and the bytes of encrypted contents and vectors.
-- octet_length reads no stored value: the length of a value that is stored outside its row is in the row.
SELECT
    e.memories + a.memories AS memories,
    e.bytes + a.bytes + c.bytes + r.bytes AS bytes
FROM
    (
        SELECT count(*) AS memories, coalesce(sum(octet_length(exchange_encrypted) + octet_length(summary_encrypted)), 0) AS bytes
        FROM memory_episodic WHERE user_id = %(user_id)s
    ) AS e,
    (
        SELECT
            count(*) FILTER (WHERE source <> 'episode') AS memories,
            coalesce(sum(octet_length(content_encrypted) + CASE WHEN embedding IS NULL THEN 0 ELSE 6144 END), 0) AS bytes
        FROM memory_associative WHERE user_id = %(user_id)s
    ) AS a,
    (SELECT coalesce(sum(octet_length(body_encrypted)), 0) AS bytes FROM changes WHERE user_id = %(user_id)s) AS c,
    (SELECT coalesce(sum(octet_length(body_encrypted)), 0) AS bytes FROM requests WHERE user_id = %(user_id)s) AS r;
