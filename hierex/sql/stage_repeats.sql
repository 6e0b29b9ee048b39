-- How many interactions are with an item that the person had before.
SELECT (SELECT count(*) FROM interactions) - count(*)
FROM (SELECT 1 FROM interactions GROUP BY user_index::BIGINT << 32 | item_index)
