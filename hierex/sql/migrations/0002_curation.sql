-- What people changed about the interests: rows are only ever added or marked as undone. For every node that a change
-- speaks of, some of its items and how many it has, by which it is found again in a tree that is grown anew.
CREATE SEQUENCE curation_ids;
CREATE TABLE curation_edits (
    edit_id INTEGER DEFAULT nextval('curation_ids'), tree_key VARCHAR, kind VARCHAR, nodes INTEGER[],
    samples VARCHAR[][], sizes INTEGER[], reason VARCHAR, author VARCHAR, edited_at TIMESTAMP,
    undone BOOLEAN DEFAULT FALSE
);
