-- What people do to descriptions in one go is a step, over edits and reviews, which is taken back and brought back as one.
CREATE SEQUENCE description_steps;
ALTER TABLE description_edits ADD COLUMN step INTEGER DEFAULT nextval('description_steps');

-- What reviewers said of descriptions, with the words and some of the items that they saw: rows are only ever added or
-- marked as undone. state: approved or needs work.
CREATE SEQUENCE review_ids;
CREATE TABLE description_reviews (
    review_id INTEGER DEFAULT nextval('review_ids'), step INTEGER, tree_key VARCHAR, node_id INTEGER, state VARCHAR,
    note VARCHAR, name VARCHAR, phrases VARCHAR[], summary VARCHAR, author VARCHAR, reviewed_at TIMESTAMP,
    item_ids VARCHAR[], n_items INTEGER, undone BOOLEAN DEFAULT FALSE
);
