-- A user's memories that fit a query best, best first. The score adds two parts, as memory/recall/search.py defines:
-- the words shared with the query (BM25 over blind terms) and the similarity of the vectors (cosine).
--
-- - terms: blind terms, at most 60; NULL or empty: none.
-- - vector, embedding_model: the query's, both NULL without a vector. Memories of another model score by words alone.
-- - lexical_limit: the number of best memories by words that are compared.
-- - semantic_limit: the number of nearest memories by signature that are compared.
-- - cosine (result): the higher one of the whole memory and of the person's message alone.
-- - exact (result): whether the user has no more vectors of this model than that, so that all were compared.
-- - coverage_floor, cosine_floor: a memory is left out if its cosine is below cosine_floor (or NULL), and the words it
--   shares have less than coverage_floor of the weight of the query's terms.
-- - matched: bit n - 1 is set if the n-th term occurs.
WITH corpus AS MATERIALIZED (
    SELECT count(*)::float8 AS documents, sum(length)::float8 / nullif(count(*), 0) AS mean_length
    FROM memory_signatures
    WHERE user_id = %(user_id)s
),
query AS MATERIALIZED (
    SELECT
        asked.term,
        1::bigint << (asked.ordinal - 1)::integer AS flag,
        ln(1 + (corpus.documents - postings.df + 0.5) / (postings.df + 0.5)) AS idf
    FROM corpus
    CROSS JOIN unnest(%(terms)s::bytea[]) WITH ORDINALITY AS asked (term, ordinal)
    CROSS JOIN LATERAL (
        SELECT count(*)::float8 AS df
        FROM memory_terms
        WHERE user_id = %(user_id)s AND term = asked.term
    ) AS postings
),
near AS (
    SELECT memory_id AS id
    FROM memory_signatures
    WHERE user_id = %(user_id)s AND embedding_model = %(embedding_model)s
    -- The nearer of the whole memory and the person's message alone.
    ORDER BY least(
        signature <~> (SELECT binary_quantize(%(vector)s::vector)::bit(1536)),
        message_signature <~> (SELECT binary_quantize(%(vector)s::vector)::bit(1536))
    )
    LIMIT %(semantic_limit)s
),
-- The words also count for the nearest memories by vector, not only for the best by words. One grouping computes both:
-- the planner expects few rows here and would choose a join that is slow for many.
lexical AS MATERIALIZED (
    SELECT
        part.id,
        bit_or(part.flag) AS matched,
        sum(part.idf) AS idf,
        sum(part.bm25) AS bm25,
        bool_or(part.near) AS near
    FROM (
        SELECT
            t.memory_id AS id,
            query.flag,
            query.idf,
            query.idf * t.tf
            / (t.tf + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * t.length / corpus.mean_length)) AS bm25,
            false AS near
        FROM query
        CROSS JOIN corpus
        JOIN memory_terms AS t ON t.user_id = %(user_id)s AND t.term = query.term
        UNION ALL
        SELECT id, 0, 0, 0, true FROM near
    ) AS part
    GROUP BY part.id
),
compared AS MATERIALIZED (
    SELECT
        m.id,
        candidate.bm25,
        candidate.matched,
        candidate.idf,
        greatest(
            CASE WHEN m.embedding_model = %(embedding_model)s THEN 1 - (m.embedding <=> %(vector)s::vector) END,
            CASE WHEN s.embedding_model = %(embedding_model)s THEN 1 - (s.embedding <=> %(vector)s::vector) END
        ) AS cosine
    FROM (
        (SELECT * FROM lexical WHERE matched <> 0 ORDER BY bm25 DESC, id LIMIT %(lexical_limit)s)
        UNION
        SELECT * FROM lexical WHERE near
    ) AS candidate
    JOIN memory_associative AS m ON m.user_id = %(user_id)s AND m.id = candidate.id
    LEFT JOIN memory_messages AS s ON s.user_id = %(user_id)s AND s.memory_id = candidate.id
),
scored AS (
    SELECT
        *,
        idf / (SELECT sum(idf) FROM query) AS coverage,
        coalesce(bm25 / nullif(max(bm25) OVER (), 0), 0) + %(weight)s::float8 * coalesce(
            (cosine - min(cosine) OVER ()) / nullif(max(cosine) OVER () - min(cosine) OVER (), 0), 0
        ) AS score
    FROM compared
),
best AS (
    SELECT *
    FROM scored
    WHERE coverage >= %(coverage_floor)s OR cosine >= %(cosine_floor)s
    ORDER BY score DESC, id
    LIMIT %(limit)s
)
SELECT
    m.id, m.content_digest, m.content_encrypted, m.entity_type, m.entity_id, m.source, m.source_id, m.created_at, m.last_seen_at,
    best.score, best.bm25, best.coverage, best.cosine, best.matched,
    (
        SELECT count(*) <= %(semantic_limit)s
        FROM (
            SELECT
            FROM memory_signatures
            WHERE user_id = %(user_id)s AND embedding_model = %(embedding_model)s
            LIMIT %(semantic_limit)s + 1
        ) AS embedded
    ) AS exact
FROM best
JOIN memory_associative AS m ON m.user_id = %(user_id)s AND m.id = best.id
ORDER BY best.score DESC, best.id;
