-- Where each user's interactions start in staged_order, and how many they are. Who has only one gets no index: it
-- shows no move from one interest to another.
CREATE OR REPLACE TEMP TABLE staged_people AS
SELECT
    user_key, n, start,
    (CASE WHEN n > 1 THEN row_number() OVER (PARTITION BY n > 1 ORDER BY user_key) - 1 END)::INTEGER AS user_index
FROM (SELECT user_key, count(*) AS n, min(rowid) AS start FROM staged_order GROUP BY user_key)
