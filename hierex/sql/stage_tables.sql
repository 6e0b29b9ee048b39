-- What the workspace keeps. staged_kept_clock is the clock of a log with dates, else the share of the user's history.
CREATE OR REPLACE TABLE items AS
SELECT item_index::INTEGER AS item_index, kept.item_id, kept.title, kept.text, vector
FROM staged_catalogue AS kept JOIN staged_items ON file_row = staged_items.rowid
WHERE problem IS NULL
ORDER BY file_row;

CREATE OR REPLACE TABLE users AS
SELECT user_index, any_value(user_id) AS user_id
FROM staged_people JOIN staged_users USING (user_key)
WHERE user_index IS NOT NULL
GROUP BY user_index
ORDER BY user_index;

CREATE OR REPLACE TABLE interactions AS
SELECT
    user_index, item_index, (place - start)::INTEGER AS position,
    staged_kept_clock(clock, place - start, n)::BIGINT AS clock
FROM (SELECT rowid AS place, * FROM staged_order) JOIN staged_people USING (user_key)
WHERE user_index IS NOT NULL
ORDER BY place;

CREATE OR REPLACE TABLE disliked AS
SELECT user_index, item_index
FROM staged_disliked JOIN staged_people USING (user_key)
WHERE user_index IS NOT NULL
ORDER BY user_index, item_index;
