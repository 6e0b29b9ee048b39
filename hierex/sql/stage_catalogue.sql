-- Every row of the catalogue, cleaned, with why it is left out or else its index. Of rows with the same id the first
-- that has a title or text counts. $longest: characters kept of a title or text; $made: of a text that serves as title.
CREATE OR REPLACE TEMP TABLE staged_catalogue AS
WITH cleaned AS (
    SELECT rowid AS file_row, staged_id(item_id) AS item_id, staged_title(title) AS title, coalesce(words, '') AS text
    FROM staged_items
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY item_id ORDER BY title = '' AND text = '', file_row) AS copy
    FROM cleaned
),
judged AS (
    SELECT *,
        CASE
            WHEN item_id IS NULL THEN 'item_without_id'
            WHEN copy > 1 THEN 'duplicate_item'
            WHEN title = '' AND text = '' THEN 'item_without_text'
        END AS problem
    FROM ranked
)
SELECT
    file_row, item_id, problem,
    CASE WHEN problem IS NULL THEN row_number() OVER (PARTITION BY problem ORDER BY file_row) - 1 END AS item_index,
    CASE title WHEN '' THEN staged_title(left(text, $made)) ELSE left(title, $longest) END AS title,
    left(text, $longest) AS text,
    title = '' AS title_from_text,
    length(title) > $longest AS title_shortened,
    length(text) > $longest AS text_shortened
FROM judged
ORDER BY file_row
