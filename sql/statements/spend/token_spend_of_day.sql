-- Tokens that the user has spent on a day, at all servers. No row when none.
SELECT tokens FROM token_spend WHERE user_id = %(user_id)s AND day = %(day)s;
