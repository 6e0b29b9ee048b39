-- People who are kept as examples, to come back to. user_id: of the log, missing for one who is made up; item_ids: what
-- a made-up one has had, earliest first. Rows are only added or marked as deleted.
CREATE SEQUENCE example_ids;
CREATE TABLE examples (
    example_id INTEGER, name VARCHAR, user_id VARCHAR, item_ids VARCHAR[], author VARCHAR, saved_at TIMESTAMP,
    deleted BOOLEAN DEFAULT FALSE
);
