-- staged_order without the duplicates.
CREATE OR REPLACE TEMP TABLE staged_order AS
SELECT user_key, item_index, clock
FROM (SELECT rowid AS place, * FROM staged_order)
WHERE place NOT IN (SELECT place FROM staged_duplicates)
ORDER BY place
