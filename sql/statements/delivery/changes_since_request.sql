-- A user's changes since the given request was admitted, in order.
SELECT changes.number, changes.mutation_id, changes.device_id, changes.body_encrypted
FROM changes
JOIN requests ON requests.user_id = changes.user_id
WHERE requests.user_id = %(user_id)s AND requests.request_id = %(request_id)s
  AND changes.created_at >= requests.created_at
ORDER BY changes.number
LIMIT %(limit)s;
