-- A user's memories that fit a query best, best first. The score adds four parts, as memory/recall/search.py defines: the
-- words shared with the query (BM25 over blind terms), the words that the whole conversation shares with it, the
-- similarity of the vectors (cosine), and the rank by that similarity.
--
-- - terms: blind terms, at most 60; NULL or empty: none. words: for each term the number of its word in the query, because
--   a word may have several terms.
-- - vector, embedding_models: the query's, both NULL without a vector. Memories of other models score by words alone.
-- - multilingual_vector: only the multilingual part of the vector, NULL: it has none. Memories of multilingual_model whose
--   cosine with it is at least multilingual_floor are found too, although they are below the floor: at most
--   multilingual_limit, after the others. They may be of another language, which the caller must check.
-- - lexical_limit: the number of best memories by words that are compared.
-- - semantic_limit: the number of nearest memories by signature that are compared.
-- - since, until: the range of time that the query names, both NULL if it names none. Memories of that range are compared
--   too, at most range_limit of them, and score range_weight more.
-- - cosine (result): the higher one of the whole memory and of the person's message alone.
-- - multilingual_cosine (result): the cosine with multilingual_vector of a memory below the floor; NULL: it is above.
-- - vectors (result): how many memories have a vector that was compared.
-- - exact (result): whether the user has no more vectors of this model than semantic_limit, so that all were compared.
-- - coverage_floor, cosine_floor: a memory is left out if its cosine is below cosine_floor (or NULL), and the words it
--   shares have less than coverage_floor of the weight of the query's words. A word that no memory contains has
--   unknown_weight of its weight. range_floor: whether the memories of the range are not left out.
-- - coverage_weight: not NULL: a memory with a cosine is left out if the cosine, and coverage_weight times the share of the
--   words, are together below cosine_floor plus spread_weight times the spread of the query.
-- - The spread is the standard deviation of the cosines of the query with all memories, estimated from the signatures. It
--   is joined with usual_spread, which counts as much as 8 memories.
-- - per_session: the number of memories of one conversation that are returned.
-- - matched: bit n - 1 is set if the n-th term occurs.
-- - before, after (results): the exchanges of the same conversation before and after the one that the memory was learned
--   from, by id and summary; NULL: there is none.
--
-- The statement is planned with hash joins only, and without sequential scans: the planner expects few rows in a WITH query,
-- and would choose nested loops. Only a subquery with OFFSET 0 is looked up by index, for each row before it.
WITH mine AS MATERIALIZED (
    SELECT
        memory_id AS id,
        coalesce(session, memory_id) AS session,
        length,
        created_at >= %(since)s::timestamptz AND created_at < %(until)s::timestamptz AS in_range,
        -- The nearer of the whole memory and the person's message alone.
        CASE
            WHEN embedding_model = ANY (%(embedding_models)s::text[])
                THEN least(
                    signature <~> (SELECT binary_quantize(%(vector)s::vector)::bit(1536)),
                    message_signature <~> (SELECT binary_quantize(%(vector)s::vector)::bit(1536))
                )
        END AS distance,
        CASE
            WHEN embedding_model = %(multilingual_model)s
                THEN least(
                    signature <~> (SELECT binary_quantize(%(multilingual_vector)s::vector)::bit(1536)),
                    message_signature <~> (SELECT binary_quantize(%(multilingual_vector)s::vector)::bit(1536))
                )
        END AS multilingual_distance
    FROM memory_signatures
    WHERE user_id = %(user_id)s
),
session_size AS MATERIALIZED (
    SELECT
        session, count(*) AS memories, sum(length)::float8 AS length, count(distance) AS vectors, max(distance) AS distance,
        sum(distance) AS distances, sum(distance * distance) AS squares,
        min(distance) AS nearest, min(multilingual_distance) AS multilingual_nearest
    FROM mine
    GROUP BY session
),
corpus AS MATERIALIZED (
    SELECT
        sum(memories)::float8 AS memories,
        count(*)::float8 AS sessions,
        coalesce(sum(vectors), 0)::bigint AS vectors,
        coalesce(sum(vectors), 0) <= %(semantic_limit)s AS exact,
        -- The smallest cosine of all memories, if not all vectors are compared. The share of different signs is about the
        -- angle divided by pi, because the vectors are rotated.
        CASE WHEN sum(vectors) > %(semantic_limit)s THEN cos(pi() * max(distance) / 1536) END AS smallest_cosine,
        coalesce(sum(distances) / nullif(sum(vectors), 0)::float8, 0) AS mean_distance,
        coalesce(sum(squares) / nullif(sum(vectors), 0)::float8, 0) AS mean_square,
        -- BM25 divides by tf + base + slope * length.
        %(k1)s::float8 * (1 - %(b)s::float8) AS base,
        %(k1)s::float8 * %(b)s::float8 * sum(memories)::float8 / nullif(sum(length), 0) AS slope,
        %(k1)s::float8 * %(b)s::float8 * count(*)::float8 / nullif(sum(length), 0) AS session_slope
    FROM session_size
),
spread AS MATERIALIZED (
    SELECT
        sqrt((
            vectors * greatest(0, mean_square - mean_distance ^ 2) * (pi() / 1536 * sin(pi() * mean_distance / 1536)) ^ 2
            + 8 * %(usual_spread)s::float8 ^ 2
        ) / (vectors + 8)) AS of_cosines
    FROM corpus
),
-- The memories of each term are in arrays, so that the frequency of a word is known before they are scored.
asked AS MATERIALIZED (
    SELECT a.word, 1::bigint << (a.ordinal - 1)::integer AS flag, found.ids, found.tfs, found.lengths, found.df
    FROM unnest(%(terms)b::bytea[], %(words)s::integer[]) WITH ORDINALITY AS a (term, word, ordinal)
    CROSS JOIN LATERAL (
        SELECT array_agg(memory_id) AS ids, array_agg(tf::float8) AS tfs, array_agg(length) AS lengths, count(*) AS df
        FROM memory_terms
        WHERE user_id = %(user_id)s AND term = a.term
        OFFSET 0
    ) AS found
),
query AS MATERIALIZED (
    SELECT
        asked.word,
        ln(1 + (corpus.memories - asked.df + 0.5) / (asked.df + 0.5)) AS idf,
        CASE WHEN asked.df = 0 THEN %(unknown_weight)s::float8 ELSE 1 END AS known
    FROM corpus
    CROSS JOIN (SELECT word, sum(df)::float8 AS df FROM asked GROUP BY word) AS asked
),
posting AS MATERIALIZED (
    SELECT mine.session, listed.*
    FROM (
        SELECT
            unnest(asked.ids) AS id, unnest(asked.tfs) AS tf, unnest(asked.lengths) AS length,
            query.idf, asked.word, asked.flag
        FROM asked
        JOIN query ON query.word = asked.word
    ) AS listed
    JOIN mine ON mine.id = listed.id
),
lexical AS MATERIALIZED (
    SELECT
        id,
        session,
        bit_or(flag) AS matched,
        sum(idf) AS idf,
        sum(idf * tf / (tf + (SELECT base FROM corpus) + (SELECT slope FROM corpus) * length)) AS bm25
    FROM posting
    GROUP BY id, session
),
session_said AS MATERIALIZED (
    SELECT session, word, sum(tf) AS tf
    FROM posting
    GROUP BY session, word
),
session_query AS MATERIALIZED (
    SELECT counted.word, ln(1 + (corpus.sessions - counted.df + 0.5) / (counted.df + 0.5)) AS idf
    FROM corpus
    CROSS JOIN (SELECT word, count(*)::float8 AS df FROM session_said GROUP BY word) AS counted
),
session_score AS MATERIALIZED (
    SELECT
        session_said.session,
        sum(
            session_query.idf * session_said.tf / (
                session_said.tf + (SELECT base FROM corpus) + (SELECT session_slope FROM corpus) * session_size.length
            )
        ) AS bm25
    FROM session_size
    JOIN session_said ON session_said.session = session_size.session
    JOIN session_query ON session_query.word = session_said.word
    GROUP BY session_said.session
),
-- The n nearest memories are among those up to the n-th smallest of the sessions' smallest distances: there are at least n. So
-- few memories are sorted. If fewer than n sessions have a distance, all are.
nearest AS MATERIALIZED (
    SELECT id, session, in_range, distance, multilingual_distance
    FROM mine
    WHERE
        distance <= (
            SELECT coalesce((
                SELECT nearest FROM session_size WHERE nearest IS NOT NULL
                ORDER BY nearest OFFSET greatest(%(semantic_limit)s - 1, 0) LIMIT 1
            ), 'infinity')
        )
        OR multilingual_distance <= (
            SELECT coalesce((
                SELECT multilingual_nearest FROM session_size WHERE multilingual_nearest IS NOT NULL
                ORDER BY multilingual_nearest OFFSET greatest(%(multilingual_limit)s - 1, 0) LIMIT 1
            ), 'infinity')
        )
        OR in_range
),
-- The words also count for the nearest memories by vector, not only for the best by words.
candidate AS MATERIALIZED (
    SELECT
        chosen.id, chosen.session, chosen.multilingual, coalesce(nearest.in_range, false) AS in_range,
        lexical.bm25, lexical.matched, lexical.idf
    FROM (
        SELECT id, session, bool_or(multilingual) AS multilingual
        FROM (
            (
                SELECT id, session, false AS multilingual FROM nearest WHERE distance IS NOT NULL
                ORDER BY distance, id LIMIT %(semantic_limit)s
            )
            UNION ALL
            (SELECT id, session, false FROM nearest WHERE in_range ORDER BY distance, id LIMIT %(range_limit)s)
            UNION ALL
            (
                SELECT id, session, true FROM nearest WHERE multilingual_distance IS NOT NULL
                ORDER BY multilingual_distance, id LIMIT %(multilingual_limit)s
            )
            UNION ALL
            (SELECT id, session, NULL FROM lexical ORDER BY bm25 DESC, id LIMIT %(lexical_limit)s)
        ) AS found
        GROUP BY id, session
    ) AS chosen
    -- It has all memories of the range.
    LEFT JOIN nearest ON nearest.id = chosen.id
    LEFT JOIN lexical ON lexical.id = chosen.id
),
compared AS MATERIALIZED (
    SELECT
        candidate.*,
        greatest(
            CASE WHEN m.embedding_model = ANY (%(embedding_models)s::text[]) THEN 1 - (m.embedding <=> %(vector)s::vector) END,
            CASE
                WHEN said.embedding_model = ANY (%(embedding_models)s::text[])
                    THEN 1 - (said.embedding <=> %(vector)s::vector)
            END
        ) AS cosine,
        CASE
            WHEN candidate.multilingual
                THEN greatest(
                    1 - (m.embedding <=> %(multilingual_vector)s::vector),
                    CASE
                        WHEN said.embedding_model = %(multilingual_model)s
                            THEN 1 - (said.embedding <=> %(multilingual_vector)s::vector)
                    END
                )
        END AS multilingual_cosine
    FROM candidate
    CROSS JOIN LATERAL (
        SELECT embedding, embedding_model
        FROM memory_associative
        WHERE user_id = %(user_id)s AND id = candidate.id
        OFFSET 0
    ) AS m
    LEFT JOIN LATERAL (
        SELECT embedding, embedding_model
        FROM memory_messages
        WHERE user_id = %(user_id)s AND memory_id = candidate.id
        OFFSET 0
    ) AS said ON true
),
conversing AS MATERIALIZED (
    SELECT compared.*, session_score.bm25 AS session_bm25
    FROM compared
    LEFT JOIN session_score ON session_score.session = compared.session
),
ranked AS (
    SELECT
        *,
        least(1, coalesce(idf, 0) / (SELECT sum(query.idf * known) FROM query)) AS coverage,
        least(min(cosine) OVER (), (SELECT smallest_cosine FROM corpus)) AS smallest_cosine,
        row_number() OVER (ORDER BY cosine DESC NULLS LAST, id) AS cosine_rank
    FROM conversing
),
scored AS (
    SELECT
        *,
        %(lexical_weight)s::float8 * coalesce(bm25 / nullif(max(bm25) OVER (), 0), 0)
        + %(session_weight)s::float8
        * coalesce(session_bm25 / (SELECT nullif(max(bm25), 0) FROM session_score), 0)
        + %(semantic_weight)s::float8 * coalesce(
            (cosine - smallest_cosine) / nullif(max(cosine) OVER () - smallest_cosine, 0), 0
        )
        + CASE WHEN cosine IS NULL THEN 0 ELSE %(rank_weight)s::float8 / (%(rank_offset)s::float8 + cosine_rank) END
        + CASE WHEN in_range THEN %(range_weight)s::float8 ELSE 0 END AS score
    FROM ranked
),
judged AS (
    SELECT
        *,
        CASE
            WHEN cosine IS NULL OR %(coverage_weight)s::float8 IS NULL
                THEN coverage >= %(coverage_floor)s OR coalesce(cosine >= %(cosine_floor)s, false)
            ELSE cosine + %(coverage_weight)s::float8 * coverage
                >= %(cosine_floor)s + %(spread_weight)s::float8 * (SELECT of_cosines FROM spread)
        END OR (in_range AND %(range_floor)s) AS above
    FROM scored
),
placed AS (
    SELECT
        judged.*,
        ordered.by,
        row_number() OVER (PARTITION BY session, above ORDER BY ordered.by DESC, id) AS place
    FROM judged
    CROSS JOIN LATERAL (SELECT CASE WHEN above THEN score ELSE multilingual_cosine END AS by) AS ordered
    WHERE above OR multilingual_cosine >= %(multilingual_floor)s
),
best AS (
    (SELECT * FROM placed WHERE above AND place <= %(per_session)s ORDER BY by DESC, id LIMIT %(limit)s)
    UNION ALL
    (SELECT * FROM placed WHERE NOT above AND place <= %(per_session)s ORDER BY by DESC, id LIMIT %(multilingual_limit)s)
)
SELECT
    m.id, m.content_digest, m.content_encrypted, m.entity_type, m.entity_id, m.source, m.source_id, m.created_at, m.last_seen_at,
    best.score, coalesce(best.bm25, 0), best.coverage, best.cosine, coalesce(best.matched, 0), corpus.exact,
    CASE WHEN NOT best.above THEN best.multilingual_cosine END, corpus.vectors,
    before.id, before.summary_encrypted, following.id, following.summary_encrypted
FROM best
CROSS JOIN corpus
CROSS JOIN LATERAL (
    SELECT id, content_digest, content_encrypted, entity_type, entity_id, source, source_id, created_at, last_seen_at
    FROM memory_associative
    WHERE user_id = %(user_id)s AND id = best.id
    OFFSET 0
) AS m
LEFT JOIN LATERAL (
    SELECT id, session_id, created_at
    FROM memory_episodic
    WHERE user_id = %(user_id)s AND id = m.source_id
    OFFSET 0
) AS e ON true
LEFT JOIN LATERAL (
    SELECT b.id, b.summary_encrypted
    FROM memory_episodic AS b
    WHERE b.user_id = %(user_id)s AND b.session_id = e.session_id AND (b.created_at, b.id) < (e.created_at, e.id)
    ORDER BY b.created_at DESC, b.id DESC
    LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
    SELECT a.id, a.summary_encrypted
    FROM memory_episodic AS a
    WHERE a.user_id = %(user_id)s AND a.session_id = e.session_id AND (a.created_at, a.id) > (e.created_at, e.id)
    ORDER BY a.created_at, a.id
    LIMIT 1
) AS following ON true
ORDER BY best.above DESC, best.by DESC, best.id;
