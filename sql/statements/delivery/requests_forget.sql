-- Removes the kept contents of the requests of these episodes, except of those that run.
UPDATE requests SET body_encrypted = NULL
WHERE user_id = %(user_id)s AND state <> 'running'
    AND request_id IN (SELECT request_id FROM memory_episodic WHERE user_id = %(user_id)s AND id = ANY (%(ids)s));
