-- Every way in which a user is written in the log -> the user, numbered in the order of their ids; NULL for no user.
CREATE OR REPLACE TEMP TABLE staged_users AS
SELECT
    user_value, user_id,
    CASE WHEN user_id IS NOT NULL THEN (dense_rank() OVER (ORDER BY user_id) - 1)::INTEGER END AS user_key
FROM (
    SELECT user_value, staged_id(user_value::VARCHAR) AS user_id
    FROM (SELECT DISTINCT user_value FROM staged_log)
)
