-- Locks a user's log of changes until the transaction ends, so that its numbers are committed in their order.
INSERT INTO change_logs (user_id) VALUES (%(user_id)s)
ON CONFLICT (user_id) DO UPDATE SET last = change_logs.last;
