-- Whether all running servers write segments in addition to the rows that PostgreSQL searches: one row. A server of an earlier
-- release does not.
SELECT NOT EXISTS (
    SELECT FROM relay_workers WHERE NOT writes_segments AND seen_at > now() - make_interval(secs => %(seen_s)s)
);
