-- Why the other interactions cannot be used, with how many and what the first of them look like.
SELECT problem, count(*), arg_min(example, file_row, 50)
FROM (
    SELECT
        file_row,
        CASE
            WHEN user_key IS NULL THEN 'no_user'
            WHEN item_id IS NULL THEN 'no_item'
            WHEN NOT is_known THEN 'unknown_item'
            WHEN item_index IS NULL THEN 'left_out_item'
            WHEN staged_clock(moment) IS NULL THEN 'impossible_time'
            WHEN NOT liked THEN 'not_liked'
        END AS problem,
        CASE
            WHEN problem IN ('unknown_item', 'left_out_item') THEN item_id
            WHEN problem = 'impossible_time' THEN moment::VARCHAR
            ELSE 'row ' || (file_row + 1)
        END AS example
    FROM staged_log LEFT JOIN staged_users USING (user_value) LEFT JOIN staged_item_values USING (item_value)
)
WHERE problem IS NOT NULL
GROUP BY problem
