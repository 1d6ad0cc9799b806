-- Adds to the tokens a user spent on a day, and removes old days that no server counts any more.
WITH over AS (
    DELETE FROM token_spend WHERE user_id = %(user_id)s AND day < %(day)s::date - 1
)
INSERT INTO token_spend (user_id, day, tokens)
VALUES (%(user_id)s, %(day)s, %(tokens)s)
ON CONFLICT (user_id, day) DO UPDATE SET tokens = token_spend.tokens + excluded.tokens;
