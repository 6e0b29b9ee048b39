-- A reviewer is the same one however they write their name, so what counts is worked out in judgements.py. What somebody
-- judged under another spelling after having seen the results was not blind.
DROP VIEW current_judgements;
UPDATE judgements SET blind = FALSE
FROM reveals
WHERE reveals.comparison_id = judgements.comparison_id AND lower(trim(reveals.author)) = lower(trim(judgements.author))
    AND reveals.shown_at <= judgements.given_at;
-- Thumbs on items for a kept example who is made up go by its example_id, and user_id is missing then, as in judgements;
-- a thumb that was given by name goes to the only one of that name.
ALTER TABLE item_thumbs ADD COLUMN example_id INTEGER;
UPDATE item_thumbs SET example_id = kept.example_id, user_id = NULL
FROM (
    SELECT any_value(example_id) AS example_id, name || ' (made up)' AS called
    FROM examples WHERE user_id IS NULL GROUP BY name HAVING count(*) = 1
) AS kept
WHERE item_thumbs.user_id = kept.called;
