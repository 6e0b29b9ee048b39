-- Items that people moved to another interest: their ids, with the nodes they went to.
ALTER TABLE curation_edits ADD COLUMN items VARCHAR[] DEFAULT [];
-- A tree is kept when the logs change: items are known again by their id and words, of which `item_key` is a digest;
-- `placed` are those that came later.
ALTER TABLE item_order ADD COLUMN item_key VARCHAR;
ALTER TABLE item_order ADD COLUMN placed BOOLEAN DEFAULT FALSE;
-- For a tree that was kept: the one that was grown, whose nodes it has.
CREATE TABLE kept_trees (key VARCHAR, grown_key VARCHAR);
