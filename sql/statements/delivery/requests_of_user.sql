-- A page of the requests of a user that run or whose answer is kept, the newest first. Nothing is decrypted.
SELECT request_id, claim, server_id, device_id, state, changed, created_at, ended_at
FROM requests
WHERE user_id = %(user_id)s AND expires_at > now() AND body_encrypted IS NOT NULL
  AND (%(before_at)s::timestamptz IS NULL OR (created_at, request_id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
ORDER BY created_at DESC, request_id DESC
LIMIT %(limit)s;
