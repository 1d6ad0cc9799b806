-- Removes the devices of all users that were neither seen nor revoked since this time. The worker role may delete no others.
DELETE FROM devices WHERE last_seen_at < %(before)s AND coalesce(revoked_at, last_seen_at) < %(before)s;
