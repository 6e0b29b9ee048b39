-- When each person first visited each finest interest: the one table from which histories at any granularity come.
-- `leaf_of_item (item_index, leaf)` is handed in; $key names the result.
INSERT INTO first_visits
SELECT $key, user_index, leaf, min(position), min(clock)
FROM interactions JOIN leaf_of_item USING (item_index)
GROUP BY user_index, leaf
ORDER BY user_index, min(position)
