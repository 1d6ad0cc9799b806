-- The number of running requests of a user at each other server.
SELECT server_id, count(*) AS running
FROM requests
WHERE user_id = %(user_id)s AND state = 'running' AND server_id <> %(server_id)s AND expires_at > now()
GROUP BY server_id;
