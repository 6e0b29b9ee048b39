-- The interactions that can be used. Their final order is added: by user, clock, order column if any, row of the file.
CREATE OR REPLACE TEMP TABLE staged_order AS
SELECT user_key, item_index, staged_clock(moment) AS clock
FROM staged_log JOIN staged_users USING (user_value) JOIN staged_item_values USING (item_value)
WHERE user_key IS NOT NULL AND item_index IS NOT NULL AND staged_clock(moment) IS NOT NULL AND liked
