-- Notifies a channel, when the transaction is committed. Names no table, like relay_notify.
SELECT pg_notify(%(channel)s, %(payload)s);
