-- The tokens that a user has spent on a day, on all servers together. No row if none.
SELECT tokens FROM token_spend WHERE user_id = %(user_id)s AND day = %(day)s;
