-- Ids are trimmed; titles lose control characters; other words too, except line ends, and lists written a|b become a, b.
CREATE OR REPLACE TEMP MACRO staged_trim(value) AS
    trim(value, ' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(12288) || chr(65279));
CREATE OR REPLACE TEMP MACRO staged_id(value) AS nullif(staged_trim(value), '');
CREATE OR REPLACE TEMP MACRO staged_title(value) AS
    staged_trim(regexp_replace(coalesce(value, ''), '\p{Cc}+', ' ', 'g'));
CREATE OR REPLACE TEMP MACRO staged_words(value) AS
    nullif(staged_trim(regexp_replace(
        regexp_replace(value, '[\x00-\x08\x0b-\x1f\x7f-\x{9f}]+', ' ', 'g'), '\s*\|\s*', ', ', 'g'
    )), '');
