-- Locks a user's count of one day until the transaction ends, and removes the counts of past days.
WITH past AS (
    DELETE FROM token_spend WHERE user_id = %(user_id)s AND day < %(day)s::date - 1
), past_entries AS (
    DELETE FROM token_spend_entries WHERE user_id = %(user_id)s AND day < %(day)s::date - 1
)
INSERT INTO token_spend (user_id, day, tokens)
VALUES (%(user_id)s, %(day)s, 0)
ON CONFLICT (user_id, day) DO UPDATE SET tokens = token_spend.tokens;
