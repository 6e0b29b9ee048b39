-- What people liked of the interests that were shown to them: rows are only added or marked as undone. What came in one
-- file is one batch. context, novel_cluster_id: ids in the tree `tree_key`.
CREATE SEQUENCE feedback_batches;
CREATE TABLE feedback (
    batch INTEGER, tree_key VARCHAR, context INTEGER[], novel_cluster_id INTEGER, shown DOUBLE, liked DOUBLE,
    source VARCHAR, author VARCHAR, reason VARCHAR, user_id VARCHAR, given_at TIMESTAMP, undone BOOLEAN DEFAULT FALSE
);
