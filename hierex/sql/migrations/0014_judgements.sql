-- What people judged. Rows are only added or marked as undone.
-- Blind comparisons of two builds, each named by the first run that made it; first_run < second_run.
CREATE SEQUENCE comparison_ids;
CREATE TABLE comparisons (
    comparison_id INTEGER, first_run INTEGER, second_run INTEGER, author VARCHAR, made_at TIMESTAMP
);
-- Who has seen which side is which.
CREATE TABLE reveals (comparison_id INTEGER, author VARCHAR, shown_at TIMESTAMP);
-- user_id: of the log, missing for a kept example who is made up, whose example_id it is then. winner: first, second,
-- alike, neither. blind: the author had not seen the results. feedback_batch: what it says of single interests.
CREATE SEQUENCE judgement_ids;
CREATE TABLE judgements (
    judgement_id INTEGER, comparison_id INTEGER, user_id VARCHAR, example_id INTEGER, author VARCHAR, winner VARCHAR,
    reason VARCHAR, left_is_first BOOLEAN, blind BOOLEAN, feedback_batch INTEGER, given_at TIMESTAMP,
    undone BOOLEAN DEFAULT FALSE
);
-- What counts: of one reviewer on one person the latest that was not taken back.
CREATE VIEW current_judgements AS
SELECT * FROM judgements WHERE NOT undone
QUALIFY row_number() OVER (
    PARTITION BY comparison_id, user_id, example_id, author ORDER BY judgement_id DESC
) = 1;
-- Thumbs on single items. user_id: of the log, or the name of one who is made up.
CREATE TABLE item_thumbs (
    item_id VARCHAR, user_id VARCHAR, author VARCHAR, liked BOOLEAN, reason VARCHAR, given_at TIMESTAMP,
    undone BOOLEAN DEFAULT FALSE
);
