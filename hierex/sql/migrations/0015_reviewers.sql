-- A reviewer is the same one however they write their name, so what counts is worked out in judgements.py. What somebody
-- judged under another spelling after having seen the results was not blind.
DROP VIEW current_judgements;
UPDATE judgements SET blind = FALSE
FROM reveals
WHERE reveals.comparison_id = judgements.comparison_id AND lower(trim(reveals.author)) = lower(trim(judgements.author))
    AND reveals.shown_at <= judgements.given_at;
