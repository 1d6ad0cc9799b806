-- Whether the user is older than devices are kept, so that a device that has no record may have had one.
SELECT created_at < now() - make_interval(secs => %(keep_s)s) FROM users WHERE user_id = %(user_id)s;
