-- Removes what was learned from an episode, with its terms.
DELETE FROM memory_associative WHERE user_id = %(user_id)s AND source_id = %(source_id)s;
