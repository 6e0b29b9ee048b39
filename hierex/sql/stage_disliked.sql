-- What people had and did not like.
CREATE OR REPLACE TEMP TABLE staged_disliked AS
SELECT DISTINCT user_key, item_index
FROM staged_log JOIN staged_users USING (user_value) JOIN staged_item_values USING (item_value)
WHERE user_key IS NOT NULL AND item_index IS NOT NULL AND NOT liked
