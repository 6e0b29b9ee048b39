-- Places in staged_order that say the same as an earlier one: same user, item and time. Only neighbours of the same
-- user and time can, so only these are compared.
CREATE OR REPLACE TEMP TABLE staged_duplicates AS
WITH neighbours AS (
    SELECT
        rowid AS place, user_key, item_index, clock,
        lag(user_key) OVER () AS user_before, lag(clock) OVER () AS clock_before,
        lead(user_key) OVER () AS user_after, lead(clock) OVER () AS clock_after
    FROM staged_order
),
ties AS (
    SELECT place, user_key, item_index, clock
    FROM neighbours
    WHERE (user_key = user_before AND clock = clock_before) OR (user_key = user_after AND clock = clock_after)
)
SELECT place, user_key, item_index
FROM (SELECT *, row_number() OVER (PARTITION BY user_key, clock, item_index ORDER BY place) AS copy FROM ties)
WHERE copy > 1
