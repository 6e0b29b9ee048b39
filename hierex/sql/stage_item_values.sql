-- Every way in which an item is written in the log -> the item; no index for one that is unknown or was left out.
CREATE OR REPLACE TEMP TABLE staged_item_values AS
SELECT item_value, written.item_id, item_index, known.item_id IS NOT NULL AS is_known
FROM (
    SELECT item_value, staged_id(item_value::VARCHAR) AS item_id
    FROM (SELECT DISTINCT item_value FROM staged_log)
) AS written
LEFT JOIN (
    SELECT item_id, max(item_index)::INTEGER AS item_index FROM staged_catalogue GROUP BY item_id
) AS known ON written.item_id = known.item_id
