-- Every way in which a user is written in the log -> the user, numbered in the order of their ids.
CREATE OR REPLACE TEMP TABLE staged_users AS
WITH written AS MATERIALIZED (SELECT DISTINCT user_value FROM staged_log),
named AS (SELECT user_value, staged_id(user_value::VARCHAR) AS user_id FROM written)
SELECT user_value, user_id, (dense_rank() OVER (ORDER BY user_id) - 1)::INTEGER AS user_key
FROM named
WHERE user_id IS NOT NULL
