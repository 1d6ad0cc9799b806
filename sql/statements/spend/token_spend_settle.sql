-- Sets the tokens of one entry, and changes the day's total by the difference: a repeated write changes nothing. After
-- `token_spend_lock`.
WITH before AS (
    SELECT tokens FROM token_spend_entries WHERE user_id = %(user_id)s AND entry_id = %(entry_id)s
), entry AS (
    INSERT INTO token_spend_entries (user_id, entry_id, day, tokens)
    VALUES (%(user_id)s, %(entry_id)s, %(day)s, %(tokens)s)
    ON CONFLICT (user_id, entry_id) DO UPDATE SET tokens = excluded.tokens
)
UPDATE token_spend
SET tokens = greatest(0, token_spend.tokens + %(tokens)s - coalesce((SELECT tokens FROM before), 0))
WHERE user_id = %(user_id)s AND day = %(day)s;
