-- What is wrong with the vectors of items that are kept: the kind of problem that comes first in the file, how many items
-- have any, the first item and the size of its vector, and the usual size. No row where nothing is.
WITH measured AS (
    SELECT file_row, kept.item_id, vector, coalesce(len(vector), 0) AS size
    FROM staged_catalogue AS kept JOIN staged_items ON file_row = staged_items.rowid
    WHERE problem IS NULL
),
judged AS (
    SELECT file_row, item_id, size, mode(size) FILTER (size >= 2) OVER () AS usual,
        CASE
            WHEN size < 2 THEN 'missing'
            WHEN list_count(vector) < size OR NOT isfinite(list_sum(vector)) THEN 'not_finite'
            WHEN list_min(vector) = 0 AND list_max(vector) = 0 THEN 'zero'
        END AS wrong
    FROM measured
),
found AS (
    SELECT *, CASE WHEN wrong IS NULL AND size != usual THEN 'other_size' ELSE wrong END AS reason FROM judged
)
SELECT arg_min(reason, file_row), count(*), arg_min(item_id, file_row), arg_min(size, file_row), any_value(usual)
FROM found
WHERE reason IS NOT NULL
HAVING count(*) > 0
