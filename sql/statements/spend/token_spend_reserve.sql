-- Gives an entry at most %(tokens)s of the rest of the day's budget. Gives one row: the total before. After
-- `token_spend_lock`.
WITH spent AS (
    SELECT tokens FROM token_spend WHERE user_id = %(user_id)s AND day = %(day)s
), entry AS (
    INSERT INTO token_spend_entries (user_id, entry_id, day, tokens)
    SELECT %(user_id)s, %(entry_id)s, %(day)s, least(%(tokens)s, %(per_day)s - spent.tokens)
    FROM spent
    WHERE spent.tokens < %(per_day)s
    ON CONFLICT (user_id, entry_id) DO NOTHING
    RETURNING tokens
), counted AS (
    UPDATE token_spend SET tokens = token_spend.tokens + entry.tokens
    FROM entry
    WHERE token_spend.user_id = %(user_id)s AND token_spend.day = %(day)s
)
SELECT tokens FROM spent;
